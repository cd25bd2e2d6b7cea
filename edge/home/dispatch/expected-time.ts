import type { ModelInfo, Quantization } from "../../../shared/inference/model.ts";

/** How long a model takes for a token, alone on its machine. */
export interface TokenTimes {
  /** A token of the prompt. */
  promptMs: number;
  /** A token of the answer. */
  answerMs: number;
}

/** What a request is to a machine. */
export interface Work {
  /** Tokens of the prompt, about. */
  promptTokens: number;
  /** Of those, what the machine has computed before. */
  cachedTokens: number;
  answerTokens: number;
}

/** How a machine stands, for one model. */
export interface Standing {
  times: TokenTimes;
  /** How long the model takes to load; 0 where it is loaded. */
  loadMs: number;
  /** Requests that the model answers at once. */
  slots: number;
  /** How long each of the model's requests, running or waiting, is likely to go on: in the order they came. */
  remainingMs: readonly number[];
  /** Requests of other models and other callers on the same machine. */
  others: number;
}

/** Each further conversation slows the others by about this share (on CPUs 0.2 to 0.3; measured by `npm run bench -- decode`). */
const SHARE = 0.25;
/** What a machine without a known speed may read of weights in a second, and how much cheaper a token of the prompt is. */
const WEIGHT_BYTES_PER_MS = 15e6;
const PROMPT_GAIN = 5;
/** Loading: reading the weights from a disk, and starting a process. */
const LOAD_BYTES_PER_MS = 500e3;
const START_MS = 300;

const BYTES_PER_WEIGHT: Record<Quantization, number> = { fp32: 4, int8: 1, int4: 0.5 };

/** How many times longer a token takes beside so many other requests. */
export function slowdown(others: number, slots: number): number {
  return 1 + SHARE * Math.min(others, slots - 1);
}

/**
 * How long a request would take on a machine until its last token, in milliseconds: the model's load, the wait for a slot, the part of
 * the prompt that is not computed yet, the answer. Grows with load and with what is not cached, falls with speed.
 */
export function expectedMs({ times, loadMs, slots, remainingMs, others }: Standing, work: Work): number {
  const uncached = Math.max(1, work.promptTokens - work.cachedTokens);
  const alone = uncached * times.promptMs + work.answerTokens * times.answerMs;
  return loadMs + freeSlotMs(remainingMs, slots) + alone * slowdown(remainingMs.length + others, slots);
}

/** When the next slot is free, if requests take theirs in the order they came. */
export function freeSlotMs(remainingMs: readonly number[], slots: number): number {
  if (remainingMs.length < slots) return 0;
  const free = Array.from({ length: slots }, () => 0);
  for (const ms of remainingMs) {
    const next = free.indexOf(Math.min(...free));
    free[next] = (free[next] ?? 0) + ms;
  }
  return Math.min(...free);
}

/** What to expect of a model on a machine that has not answered with it yet. `tokensPerSecond` is what a trial showed, if there was one. */
export function priorTimes(
  model: Pick<ModelInfo, "parameters" | "quantization">,
  tokensPerSecond?: number,
): TokenTimes {
  const answerMs =
    tokensPerSecond === undefined
      ? (model.parameters * BYTES_PER_WEIGHT[model.quantization]) / WEIGHT_BYTES_PER_MS + 1
      : 1000 / tokensPerSecond;
  return { answerMs, promptMs: answerMs / PROMPT_GAIN };
}

export function loadTimeMs({
  loaded,
  parameters,
  quantization,
}: Pick<ModelInfo, "loaded" | "parameters" | "quantization">): number {
  return loaded ? 0 : START_MS + (parameters * BYTES_PER_WEIGHT[quantization]) / LOAD_BYTES_PER_MS;
}
