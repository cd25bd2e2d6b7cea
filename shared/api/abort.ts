import { PorchlightError } from "../errors.ts";

/**
 * Settles as `promise` does, or rejects with `cancelled` once the signal aborts: an engine that was told to stop need not answer
 * any more.
 */
export async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new PorchlightError("cancelled", undefined, { cause: signal.reason }));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
