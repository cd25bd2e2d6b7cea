import { PorchlightError } from "../../shared/errors.ts";
import { type Candidates, type Cut, headOf, minP, topK, topP, weightOf } from "./candidates.ts";
import type { GrammarMatcher } from "./grammar/matcher.ts";
import { logprobsOf, type SampledLogprobs } from "./logprobs.ts";
import { penaltiesOf } from "./penalties.ts";
import { createRandom, type Random } from "./random.ts";
import type { SamplingParams } from "./sampling-params.ts";

/** Chooses the tokens of one sequence. */
export interface Sampler {
  /**
   * The next token, given the logits of the last position, [vocabSize], which are left as they are. Throws `internal` when no
   * logit is a finite number.
   */
  sample(logits: Float32Array): number;
  /** Takes a token that was chosen before, as if `sample` had chosen it now. Throws `internal` for one that the grammar does not allow. */
  take(token: number): void;
  /** What was likely where the last token was chosen, if that was asked for. */
  readonly logprobs?: SampledLogprobs | null;
  /** Nothing can follow the last token: the answer is whole. */
  readonly isComplete?: boolean;
}

/** What else bears on the choice of tokens. */
export interface SamplerOptions {
  /** Added to logits, by token. */
  bias?: ReadonlyMap<number, number>;
  /** Leaves only the tokens that it allows. */
  matcher?: GrammarMatcher | null;
  /** How many likely tokens to tell of beside the chosen one; absent: no probabilities. */
  topLogprobs?: number | undefined;
}

/**
 * Biases, penalties, the grammar, temperature, top-k, top-p, min-p, then a draw, each skipped where its parameter is neutral. It
 * keeps count of the tokens itself; its draws depend on nothing but `params.seed` and the logits it is given.
 */
export function createSampler(
  params: SamplingParams,
  prompt: readonly number[],
  { bias = new Map(), matcher = null, topLogprobs }: SamplerOptions = {},
): Sampler {
  const penalties = penaltiesOf(params);
  const counts = { seen: new Set(penalties.length > 0 ? prompt : []), output: new Map<number, number>() };
  const random = params.temperature === 0 ? null : createRandom(params.seed);
  const choose = random === null ? argmax : createDraw(params, random);
  const isPlain = penalties.length === 0 && bias.size === 0 && matcher === null;
  let scratch = new Float32Array(0);
  let logprobs: SampledLogprobs | null = null;
  const count = (token: number): void => {
    counts.seen.add(token);
    counts.output.set(token, (counts.output.get(token) ?? 0) + 1);
  };
  const sample = (logits: Float32Array): number => {
    if (isPlain) return choose(logits);
    if (scratch.length !== logits.length) scratch = new Float32Array(logits.length);
    scratch.set(logits);
    for (const [token, amount] of bias) scratch[token] = (scratch[token] ?? 0) + amount;
    for (const penalize of penalties) penalize(scratch, counts);
    if (matcher !== null) applyMask(scratch, matcher.mask());
    const token = choose(scratch);
    if (penalties.length > 0) count(token);
    matcher?.accept(token);
    return token;
  };
  return {
    sample: (logits) => {
      const token = sample(logits);
      if (topLogprobs !== undefined) logprobs = logprobsOf(logits, token, topLogprobs);
      return token;
    },
    take: (token) => {
      random?.();
      if (penalties.length > 0) count(token);
      matcher?.accept(token);
    },
    get logprobs() {
      return logprobs;
    },
    get isComplete() {
      return matcher?.isComplete ?? false;
    },
  };
}

/** Takes away the tokens whose bits are not set. */
export function applyMask(logits: Float32Array, mask: Uint32Array): void {
  for (let word = 0; word < mask.length; word++) {
    const bits = mask[word] ?? 0;
    if (bits === 0xffffffff) continue;
    const end = Math.min(logits.length, word * 32 + 32);
    for (let id = word * 32; id < end; id++) {
      if (((bits >>> (id & 31)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY;
    }
  }
}

/** The token with the largest logit, the first of equal ones. */
export function argmax(logits: Float32Array): number {
  let best = -1;
  let bestLogit = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id] ?? Number.NaN;
    if (logit > bestLogit) [best, bestLogit] = [id, logit];
  }
  if (best === -1 || bestLogit === Number.POSITIVE_INFINITY) {
    throw new PorchlightError("internal", "The model computed something that is not a number. Try again.");
  }
  return best;
}

/** Takes one number of `random` for each token. */
function createDraw(params: SamplingParams, random: Random): (logits: Float32Array) => number {
  const { temperature } = params;
  const cuts: Cut[] = [
    ...(params.topK === 0 ? [] : [topK(params.topK)]),
    ...(params.topP === 1 ? [] : [topP(params.topP)]),
    ...(params.minP === 0 ? [] : [minP(params.minP)]),
  ];
  const [firstCut] = cuts;
  return (logits) => {
    const bestId = argmax(logits);
    const best = logits[bestId] ?? 0;
    if (firstCut === undefined) return drawFromAll(logits, best, temperature, random) ?? bestId;
    const head = headOf(logits, best, temperature, firstCut);
    return (
      draw(
        cuts.reduce((candidates, cut) => cut.apply(candidates), head),
        random,
      ) ?? bestId
    );
  };
}

function draw({ ids, weights }: Candidates, random: Random): number | undefined {
  const mass = weights.reduce((total, weight) => total + weight, 0);
  let left = random() * mass;
  return ids.find((_, i) => {
    left -= weights[i] ?? 0;
    return left < 0;
  });
}

/** `draw` over the whole vocabulary, in order of ids: nothing has to be sorted. */
function drawFromAll(logits: Float32Array, best: number, temperature: number, random: Random): number | undefined {
  let mass = 0;
  for (const logit of logits) mass += weightOf(logit, best, temperature);
  let left = random() * mass;
  for (let id = 0; id < logits.length; id++) {
    left -= weightOf(logits[id] ?? 0, best, temperature);
    if (left < 0) return id;
  }
  return undefined;
}
