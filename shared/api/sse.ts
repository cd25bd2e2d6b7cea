import { PorchlightError, type WireError } from "../errors.ts";

export const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  // `no-transform`: a proxy that compresses holds events back.
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

/** A write may grow to this before it goes out although more events are ready. */
const WRITE_CHARACTERS = 16 * 1024;
/** An event that is ready is delivered within a few turns of the microtask queue; one that takes longer is not waited for. */
const READY_TURNS = 16;

const TURN = Promise.resolve();

const encoder = new TextEncoder();
const COMMENT = ": keep-alive\n\n";

export interface EventStreamOptions<Event> {
  /** The text of one event; may be empty. */
  encode(event: Event): string;
  /** The text of an error that the source threw against its contract. */
  fail(error: WireError): string;
  /** What comes after the last event. */
  end(): string;
  keepAliveMs: number;
  /** What is sent when there has been nothing to send for so long; absent: a comment. */
  keepAlive?: string;
  /** The client went away: stop whatever makes the events. */
  onCancel(): void;
}

/**
 * Server-sent events of `events`. Events that are ready together leave in one write; one that is alone leaves at once. Nothing is
 * read from the source before the client takes what is there, so a slow client slows the source and costs no memory.
 */
export function eventStream<Event>(
  events: AsyncIterator<Event>,
  options: EventStreamOptions<Event>,
): ReadableStream<Uint8Array> {
  const source = new ReadyReader(events);
  const keepAlive = new KeepAlive(options.keepAliveMs, options.keepAlive ?? COMMENT);
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => keepAlive.start(controller),
      async pull(controller) {
        keepAlive.waiting = true;
        const { text, done } = await readWrite(source, options);
        keepAlive.waiting = false;
        keepAlive.lastWriteMs = Date.now();
        controller.enqueue(encoder.encode(text));
        if (!done) return;
        keepAlive.stop();
        controller.close();
      },
      async cancel() {
        keepAlive.stop();
        options.onCancel();
        await events.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

/** The text of the next event and of all that are ready with it. Never rejects. */
async function readWrite<Event>(
  source: ReadyReader<Event>,
  options: EventStreamOptions<Event>,
): Promise<{ text: string; done: boolean }> {
  let text = "";
  try {
    while (text === "" || (text.length < WRITE_CHARACTERS && (await source.isReady()))) {
      const result = await source.next();
      if (result.done) return { text: text + options.end(), done: true };
      text += options.encode(result.value);
    }
    return { text, done: false };
  } catch (error) {
    return { text: text + options.fail(PorchlightError.from(error).toWire()) + options.end(), done: true };
  }
}

/** An iterator that can say whether its next event is there already. */
class ReadyReader<Event> {
  readonly #events: AsyncIterator<Event>;
  #pending: Promise<IteratorResult<Event>> | undefined;
  #settled = false;

  constructor(events: AsyncIterator<Event>) {
    this.#events = events;
  }

  async next(): Promise<IteratorResult<Event>> {
    const pending = this.#ask();
    const result = await pending;
    this.#pending = undefined;
    return result;
  }

  async isReady(): Promise<boolean> {
    void this.#ask();
    for (let turn = 0; turn < READY_TURNS && !this.#settled; turn++) await TURN;
    return this.#settled;
  }

  #ask(): Promise<IteratorResult<Event>> {
    if (this.#pending) return this.#pending;
    this.#settled = false;
    const settle = (): void => {
      this.#settled = true;
    };
    this.#pending = this.#events.next();
    this.#pending.then(settle, settle);
    return this.#pending;
  }
}

/** Sends a sign of life when a client has waited for `pauseMs`, and again after each further pause. */
class KeepAlive {
  /** Whether the client has taken all there was: only then may it go in between. */
  waiting = false;
  lastWriteMs = Date.now();
  readonly #pauseMs: number;
  readonly #text: Uint8Array;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pauseMs: number, text: string) {
    this.#pauseMs = pauseMs;
    this.#text = encoder.encode(text);
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#timer = setTimeout(
      () => {
        if (Date.now() - this.lastWriteMs >= this.#pauseMs) {
          if (this.waiting) controller.enqueue(this.#text);
          this.lastWriteMs = Date.now();
        }
        this.start(controller);
      },
      Math.max(1, this.lastWriteMs + this.#pauseMs - Date.now()),
    );
  }

  stop(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }
}
