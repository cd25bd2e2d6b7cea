import type { Scheduler } from "../../node-agent/engine/scheduler.ts";
import type { SequenceEnd, SequenceSpec } from "../../node-agent/engine/sequence.ts";
import type { PorchlightError } from "../../shared/errors.ts";

export interface Collected {
  tokens: number[];
  prefills: number[];
  end: SequenceEnd | null;
  error: PorchlightError | null;
}

/** Submits a sequence and gathers what its listener hears; `done` resolves at its end. */
export function submitCollecting(
  scheduler: Scheduler,
  spec: Omit<SequenceSpec, "listener">,
  onToken: (token: number, soFar: Collected) => boolean = () => false,
): Collected & { done: Promise<Collected>; cancel: () => void } {
  const collected: Collected = { tokens: [], prefills: [], end: null, error: null };
  const { promise, resolve } = Promise.withResolvers<Collected>();
  const { cancel } = scheduler.submit({
    ...spec,
    listener: {
      onPrefill: (done) => collected.prefills.push(done),
      onToken: (token) => {
        collected.tokens.push(token);
        return onToken(token, collected);
      },
      onFinish: (end) => {
        collected.end = end;
        resolve(collected);
      },
      onError: (error) => {
        collected.error = error;
        resolve(collected);
      },
    },
  });
  return Object.assign(collected, { done: promise, cancel });
}
