import { close, StallWatch } from "../relay.ts";
import type { Reader, Run } from "./run.ts";

/** How long a reader may take nothing although there is more: see relay.ts. */
const STALLED_MS = 60_000;

/**
 * A run's lines from number `from` on, as they come, and what is said of its progress while there are none. A reader takes from the
 * agent only what it takes itself, beyond a little.
 * @param onLeft the reader has gone, by cancelling or by `signal`; or has taken nothing for `stalledMs`
 */
export function readRun(
  run: Run,
  options: {
    from: number;
    signal: AbortSignal;
    onLeft: (why: "cancelled" | "timeout") => void;
    stalledMs?: number;
  },
): ReadableStream<Uint8Array> {
  const { from, signal, onLeft, stalledMs = STALLED_MS } = options;
  const reader: Reader = { takenBytes: run.log.offsetOf(from) };
  let next = from;
  let progress: Uint8Array | undefined;
  let isOver = false;
  const end = (): boolean => {
    if (isOver) return false;
    isOver = true;
    watch.stop();
    run.readers.delete(reader);
    run.taken();
    return true;
  };
  const left = (why: "cancelled" | "timeout"): void => {
    if (end()) onLeft(why);
  };
  const watch = new StallWatch(stalledMs, () => left("timeout"));
  run.readers.add(reader);
  if (signal.aborted) left("cancelled");
  signal.addEventListener("abort", () => left("cancelled"), { once: true });

  /** What there is for the reader now; undefined at the end. */
  const take = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const part = run.log.read(next);
      if (part !== undefined) {
        next = part.next;
        reader.takenBytes = part.end;
        run.taken();
        return part.bytes;
      }
      if (run.ended) return undefined;
      if (run.progress !== undefined && run.progress !== progress) {
        progress = run.progress;
        return progress;
      }
      await run.change();
    }
  };
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        watch.pause();
        const bytes = await take();
        if (bytes !== undefined) {
          // A copy: a byte stream takes over the buffers it is given.
          controller.enqueue(bytes.slice());
          return watch.resume();
        }
        end();
        close(controller);
      },
      cancel: () => left("cancelled"),
    },
    { highWaterMark: 0 },
  );
}
