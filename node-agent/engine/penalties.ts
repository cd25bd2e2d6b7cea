import type { SamplingParams } from "./sampling-params.ts";

/** Which tokens one sequence has seen: what the penalties look at. */
export interface TokenCounts {
  /** Tokens of prompt or output. */
  readonly seen: ReadonlySet<number>;
  /** Occurrences in the output. */
  readonly output: ReadonlyMap<number, number>;
}

/** Changes the logits of one position, [vocabSize], in place. */
export type Penalty = (logits: Float32Array, counts: TokenCounts) => void;

/** Divides positive logits of seen tokens and multiplies negative ones (CTRL, arXiv:1909.05858). */
export function repetitionPenalty(factor: number): Penalty {
  return (logits, { seen }) => {
    for (const token of seen) {
      const logit = logits[token];
      if (logit !== undefined) logits[token] = logit > 0 ? logit / factor : logit * factor;
    }
  };
}

/** Takes `amount` off per occurrence in the output (OpenAI's definition). */
export function frequencyPenalty(amount: number): Penalty {
  return (logits, { output }) => {
    for (const [token, count] of output) {
      const logit = logits[token];
      if (logit !== undefined) logits[token] = logit - amount * count;
    }
  };
}

/** Takes `amount` off once for tokens of the output (OpenAI's definition). */
export function presencePenalty(amount: number): Penalty {
  return (logits, { output }) => {
    for (const token of output.keys()) {
      const logit = logits[token];
      if (logit !== undefined) logits[token] = logit - amount;
    }
  };
}

/** The penalties that do something, in the order they apply. */
export function penaltiesOf(params: SamplingParams): Penalty[] {
  return [
    ...(params.repetitionPenalty === 1 ? [] : [repetitionPenalty(params.repetitionPenalty)]),
    ...(params.frequencyPenalty === 0 ? [] : [frequencyPenalty(params.frequencyPenalty)]),
    ...(params.presencePenalty === 0 ? [] : [presencePenalty(params.presencePenalty)]),
  ];
}
