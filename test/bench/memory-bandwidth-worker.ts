/* oxlint-disable unicorn/require-post-message-target-origin -- threads have no origin, windows do */
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";

/** One reading thread of memory-bandwidth.ts: for every message, one pass over its buffer. */

const bytes = z.number().int().positive().parse(workerData);
// Written once, or the pages would all be the system's one page of zeros.
const buffer = Buffer.alloc(bytes, 1);
parentPort?.on("message", () => {
  const start = now();
  if (buffer.indexOf(2) !== -1) throw new Error("The buffer holds what was never written to it.");
  parentPort?.postMessage({ start, end: now() });
});
parentPort?.postMessage("ready");

/** A clock that all threads share. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
