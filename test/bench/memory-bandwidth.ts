/* oxlint-disable unicorn/require-post-message-target-origin -- threads have no origin, windows do */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { z } from "zod";

/** Far larger than any cache, for each thread. */
const BUFFER_BYTES = 384 * 1024 * 1024;
const PASSES = 5;

const passSchema = z.object({ start: z.number(), end: z.number() });

/**
 * How fast `threads` threads together read memory, in bytes per second: the best of several passes. Each thread searches a buffer of
 * its own for a byte that is not in it, which the C library does with the widest loads there are.
 */
export async function measureMemoryBandwidth(threads: number): Promise<number> {
  const url = new URL("./memory-bandwidth-worker.ts", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(url, { workerData: BUFFER_BYTES }));
  try {
    await Promise.all(workers.map((worker) => once(worker, "message")));
    let best = 0;
    for (let pass = 0; pass < PASSES; pass++) {
      const replies = workers.map((worker) => once(worker, "message"));
      for (const worker of workers) worker.postMessage("go");
      const spans = (await Promise.all(replies)).map(([message]) => passSchema.parse(message));
      const elapsedMs = Math.max(...spans.map((span) => span.end)) - Math.min(...spans.map((span) => span.start));
      best = Math.max(best, (threads * BUFFER_BYTES) / (elapsedMs / 1000));
    }
    return best;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
