import { PorchlightError } from "../../shared/errors.ts";
import type { Priority } from "../../shared/inference/request.ts";
import type { Decoder } from "./decoder.ts";
import { createDraftRecord, type DraftRecord } from "./draft-length.ts";
import type { PrefixLease } from "./prefix-tree.ts";
import type { Drafter } from "./drafter.ts";
import type { Sampler } from "./sampler.ts";

/** What a sequence's owner hears. Calls come in the order of the methods here; one of the last two ends them. */
export interface SequenceListener {
  /** `done` of `total` prompt tokens are in the cache, and more are about to be computed. */
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
  /** Prompt tokens whose keys and values were still there. */
  cachedTokens: number;
}

export interface SequenceSpec {
  prompt: readonly number[];
  /** Tokens of the answer that were chosen before: it goes on behind them. */
  begun?: readonly number[] | undefined;
  /** Most tokens of the whole answer; what the context leaves if that is less, or if it is absent. */
  maxTokens?: number | undefined;
  /** Tokens that end the sequence; they are not given to `onToken`. */
  stopTokens: ReadonlySet<number>;
  sampler: Pick<Sampler, "sample">;
  /** Guesses tokens to verify several in one step; absent: one token a step. */
  drafter?: Drafter | undefined;
  /** Who asks: the machine is shared fairly between callers. */
  caller?: string | undefined;
  priority?: Priority | undefined;
  listener: SequenceListener;
}

/** One sequence from submission to end. Only the scheduler writes it. */
export interface Sequence {
  readonly spec: SequenceSpec;
  /** Place in the order of arrival. */
  readonly order: number;
  readonly maxTokens: number;
  phase: "waiting" | "prefilling" | "decoding" | "ended";
  /** Meaningful while prefilling and decoding. */
  slot: number;
  /** Prompt and output so far. */
  readonly tokens: number[];
  /** How many of `tokens` have keys and values in the slot. */
  stored: number;
  /** Of the decoder's stages, the one that its keys are of. */
  stage: number;
  /** Prompt tokens that were not computed for this sequence; undefined until it first got a slot. */
  cachedTokens: number | undefined;
  /** Keeps the prefix that it began with in memory, for those that come after. */
  lease: PrefixLease | undefined;
  readonly drafts: DraftRecord;
  /** Its prefix is on the way from the disk. */
  isRestoring: boolean;
  isCancelled: boolean;
}

export function createSequence(
  spec: SequenceSpec,
  { contextLength, stages }: Pick<Decoder, "contextLength" | "stages">,
  order: number,
): Sequence {
  const tokens = [...spec.prompt, ...(spec.begun ?? [])];
  return {
    spec,
    order,
    maxTokens: Math.min(spec.maxTokens ?? Number.POSITIVE_INFINITY, contextLength - spec.prompt.length),
    phase: "waiting",
    slot: -1,
    tokens,
    stored: 0,
    stage: stageFor(stages, tokens.length),
    cachedTokens: undefined,
    lease: undefined,
    drafts: createDraftRecord(),
    isRestoring: false,
    isCancelled: false,
  };
}

/** The stage for a sequence of so many tokens. */
export function stageFor(stages: Decoder["stages"], tokenCount: number): number {
  return Math.max(0, stages?.findIndex((end) => tokenCount <= end) ?? 0);
}

export function isGone(sequence: Sequence): boolean {
  return sequence.isCancelled || sequence.phase === "ended";
}

/** Runs what belongs to one sequence; a throw ends that sequence only. False if it threw. */
export function guarded(sequence: Sequence, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (cause) {
    sequence.phase = "ended";
    sequence.spec.listener.onError(PorchlightError.from(cause));
    return false;
  }
}
