import type { PorchlightError } from "../../shared/errors.ts";
import type { Sampler } from "./sampler.ts";

/** What a sequence's owner hears. Calls come in the order of the methods here; one of the last two ends them. */
export interface SequenceListener {
  /** `done` of `total` prompt tokens are in the cache. */
  onPrefill(done: number, total: number): void;
  /** A token that is not a stop token. Returning true ends the sequence with reason `stop`. A throw ends it with `onError`. */
  onToken(token: number): boolean;
  onFinish(end: SequenceEnd): void;
  onError(error: PorchlightError): void;
}

export interface SequenceEnd {
  reason: "stop" | "length";
  /** Every token the model chose, the stop token included. */
  completionTokens: number;
  /** Prompt tokens whose keys and values were still in the slot. */
  cachedTokens: number;
}

export interface SequenceSpec {
  prompt: readonly number[];
  /** Most tokens to generate; what the context leaves if that is less, or if it is absent. */
  maxTokens?: number | undefined;
  /** Tokens that end the sequence; they are not given to `onToken`. */
  stopTokens: ReadonlySet<number>;
  sampler: Sampler;
  listener: SequenceListener;
}

/** One sequence from submission to end. Only the scheduler writes it. */
export interface Sequence {
  readonly spec: SequenceSpec;
  readonly maxTokens: number;
  phase: "waiting" | "prefilling" | "decoding" | "ended";
  /** Meaningful while prefilling and decoding. */
  slot: number;
  /** Prompt and output so far. */
  readonly tokens: number[];
  /** How many of `tokens` have keys and values in the slot. */
  stored: number;
  cachedTokens: number;
  isCancelled: boolean;
}

export function createSequence(spec: SequenceSpec, contextLength: number): Sequence {
  return {
    spec,
    maxTokens: Math.min(spec.maxTokens ?? Number.POSITIVE_INFINITY, contextLength - spec.prompt.length),
    phase: "waiting",
    slot: -1,
    tokens: [...spec.prompt],
    stored: 0,
    cachedTokens: 0,
    isCancelled: false,
  };
}
