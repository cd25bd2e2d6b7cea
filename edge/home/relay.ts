import { PorchlightError } from "../../shared/errors.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";

/**
 * Ends a line that was cut off: JSON text cannot hold this character (CAN), so a reader knows to drop what is before it.
 */
export const CUT_OFF = "\u0018";

const encoder = new TextEncoder();

/**
 * How long a reader may take nothing although there is more. What it leaves lying holds credit of the whole tunnel: a few who stay
 * away (a laptop asleep, a process stopped) would silence the machine for everybody else.
 */
const STALLED_MS = 60_000;

/** Reads along with what is relayed. */
export interface RelayObserver {
  read(bytes: Uint8Array): void;
  /** Called at least once. `lost`: the answer did not come to its end. */
  settle(lost: boolean): void;
}

/**
 * The agent's bytes, unchanged, as a stream that takes from the tunnel only what its reader takes (so credit, and with it the
 * agent, waits for a slow client). A stream that is lost ends with one `error` event. A reader that leaves, or `signal`, resets the
 * stream: the agent stops at once. So does a reader that takes nothing for `stalledMs`.
 */
export function relayEvents(
  stream: ProtocolStream,
  signal: AbortSignal,
  observer: RelayObserver,
  stalledMs = STALLED_MS,
): ReadableStream<Uint8Array> {
  const reset = (code: "cancelled" | "timeout"): void => {
    stream.reset(new PorchlightError(code).toWire());
    observer.settle(true);
  };
  const watch = new StallWatch(stalledMs, () => reset("timeout"));
  const cancel = (): void => {
    watch.stop();
    reset("cancelled");
  };
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const incoming = stream.incoming[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        watch.pause();
        try {
          const result = await incoming.next();
          if (!result.done) {
            observer.read(result.value);
            // A copy: frames of one message share a buffer, and a byte stream takes over the buffers it is given.
            controller.enqueue(result.value.slice());
            return watch.resume();
          }
          observer.settle(false);
        } catch (thrown) {
          observer.settle(true);
          const error = PorchlightError.from(thrown).toWire();
          controller.enqueue(encoder.encode(`${CUT_OFF}\n${JSON.stringify({ type: "error", error })}\n`));
        }
        watch.stop();
        close(controller);
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
}

/** Calls `onStalled` once the time between a `resume` and the next `pause` is too long. One timer, however many of them there are. */
export class StallWatch {
  readonly #stalledMs: number;
  readonly #onStalled: () => void;
  #sinceMs = Date.now();
  #paused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stalledMs: number, onStalled: () => void) {
    this.#stalledMs = stalledMs;
    this.#onStalled = onStalled;
    this.#timer = setTimeout(() => this.#look(), stalledMs);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#sinceMs = Date.now();
  }

  stop(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }

  #look(): void {
    const leftMs = this.#paused ? this.#stalledMs : this.#sinceMs + this.#stalledMs - Date.now();
    if (leftMs <= 0) this.#onStalled();
    else this.#timer = setTimeout(() => this.#look(), leftMs);
  }
}

export function close(controller: ReadableByteStreamController): void {
  controller.close();
  controller.byobRequest?.respond(0);
}
