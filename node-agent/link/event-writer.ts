import type { GenerateEvent } from "../../shared/inference/event.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";

/** A batch this long goes out at once. */
const MAX_BATCH_CHARACTERS = 16 * 1024;

const encoder = new TextEncoder();

/**
 * Writes events to a stream as NDJSON. While fewer than `coalesceAfterEvents` come in `coalesceMs`, each leaves at once; beyond
 * that they wait for company until those milliseconds are over. The first text and whatever is not text never wait.
 */
export class EventWriter {
  readonly #stream: ProtocolStream;
  readonly #now: () => number;
  #batch = "";
  #batchEvents = 0;
  #hadText = false;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #windowEvents = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last batch on its way: waits for credit. */
  #sending: Promise<void> = Promise.resolve();

  constructor(stream: ProtocolStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  /** Resolves when the next event may come: at once while events are gathered, with credit otherwise. Rejects on reset or loss. */
  async write(event: GenerateEvent): Promise<void> {
    this.#batch += `${JSON.stringify(event)}\n`;
    this.#batchEvents += 1;
    if (this.#mayWait(event)) {
      this.#timer ??= setTimeout(
        () => this.#endWindow(),
        Math.max(0, this.#windowStartMs + PROTOCOL_LIMITS.coalesceMs - this.#now()),
      );
    } else {
      this.#send();
    }
    await this.#sending;
  }

  /** Lines that were written before, for a stream that missed them: they leave at once, before what comes next. */
  writeLines(lines: string): void {
    this.#batch += lines;
    this.#hadText = true;
    this.#send();
  }

  /** Sends what waits and ends this side of the stream. */
  async end(): Promise<void> {
    this.#send();
    await this.#sending;
    this.#stream.end();
  }

  /** Forgets what waits: the stream is gone. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#batch = "";
    this.#batchEvents = 0;
  }

  #mayWait(event: GenerateEvent): boolean {
    const nowMs = this.#now();
    if (this.#timer === undefined && nowMs - this.#windowStartMs >= PROTOCOL_LIMITS.coalesceMs) {
      this.#windowStartMs = nowMs;
      this.#windowEvents = 0;
    }
    this.#windowEvents += 1;
    const isFirstText = !this.#hadText;
    this.#hadText ||= event.type === "text";
    return (
      event.type === "text" &&
      !isFirstText &&
      this.#windowEvents > PROTOCOL_LIMITS.coalesceAfterEvents &&
      this.#batch.length < MAX_BATCH_CHARACTERS
    );
  }

  /** The window is over with events gathered: a stream that is still fast goes on gathering in the next one. */
  #endWindow(): void {
    this.#windowStartMs = this.#now();
    const isFast = this.#batchEvents >= PROTOCOL_LIMITS.coalesceAfterEvents;
    this.#windowEvents = isFast ? PROTOCOL_LIMITS.coalesceAfterEvents : 0;
    this.#send();
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch === "") {
      return;
    }
    this.#sending = this.#stream.write(encoder.encode(this.#batch));
    this.#batch = "";
    this.#batchEvents = 0;
    // A timer's batch has no caller: the next write or end meets the failure.
    this.#sending.catch(() => undefined);
  }
}
