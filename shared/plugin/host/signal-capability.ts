import type { Capability } from "./capability.ts";

/** How long a plugin has to end by itself once nobody waits any more. */
export const ABORT_GRACE_MS = 1_000;

/** What stands behind `context.signal`: a use that stays open until the call is given up (true) or ends (false). */
export function signalCapability(signal: AbortSignal | undefined, ended: AbortSignal): Capability {
  return async () => {
    await new Promise<void>((done) => {
      for (const one of [signal, ended]) {
        if (one?.aborted === true) done();
        one?.addEventListener("abort", () => done(), { once: true });
      }
    });
    return { value: signal?.aborted === true };
  };
}
