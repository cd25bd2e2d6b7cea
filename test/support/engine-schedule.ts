import type { Decoder } from "../../node-agent/engine/decoder.ts";
import type { Drafter } from "../../node-agent/engine/drafter.ts";
import { createPromptLookup } from "../../node-agent/engine/prompt-lookup.ts";
import { argmax, createSampler } from "../../node-agent/engine/sampler.ts";
import { NEUTRAL_SAMPLING } from "../../node-agent/engine/sampling-params.ts";
import type { Scheduler } from "../../node-agent/engine/scheduler.ts";
import type { SequenceSpec } from "../../node-agent/engine/sequence.ts";
import { submitCollecting } from "./engine-collect.ts";

/** One request of a random schedule. */
export interface Job {
  prompt: readonly number[];
  maxTokens: number;
  /** Tokens of its answer that came before it broke off. */
  begun?: readonly number[];
  /** Turns of the event loop before it comes. */
  startAfter: number;
  /** Tokens after which it is cancelled. */
  cancelAfter: number | null;
}

/** Requests cut out of `documents`: many begin alike, some are long, some repeat themselves, some are cancelled. */
export function randomJobs(documents: readonly (readonly number[])[], count: number, random: () => number): Job[] {
  const below = (end: number): number => Math.floor(random() * end);
  const text = documents.flat();
  return Array.from({ length: count }, () => {
    const document = documents[below(Math.min(4, documents.length))] ?? [];
    const shared = document.slice(0, 1 + below(document.length));
    const start = below(text.length - 400);
    const own = text.slice(start, start + below(random() < 0.2 ? 400 : 40));
    const repeated = random() < 0.3 ? [...own, ...own] : own;
    return {
      prompt: [...shared, ...repeated].slice(0, 700),
      maxTokens: 1 + below(40),
      startAfter: below(120),
      cancelAfter: random() < 0.2 ? below(10) : null,
    };
  });
}

/** Those that were cancelled on the way, to go on where they broke off. */
export function brokenOff(results: readonly { job: Job; tokens: readonly number[] }[]): Job[] {
  return results
    .filter(
      ({ job, tokens }) => tokens.length === job.cancelAfter && tokens.length > 0 && tokens.length < job.maxTokens,
    )
    .map(({ job, tokens }) => ({ ...job, begun: tokens, cancelAfter: null }));
}

/** Runs jobs on one scheduler, greedily, and gives what each came to, what it had begun with included. */
export async function runJobs(
  scheduler: Scheduler,
  jobs: readonly Job[],
  drafter: () => Drafter = createPromptLookup,
): Promise<{ job: Job; tokens: number[] }[]> {
  return await Promise.all(
    jobs.map(async (job, i) => {
      for (let turn = 0; turn < job.startAfter; turn++) await new Promise(setImmediate);
      const spec: Omit<SequenceSpec, "listener"> = {
        prompt: job.prompt,
        begun: job.begun,
        maxTokens: job.maxTokens,
        stopTokens: new Set(),
        sampler: createSampler({ ...NEUTRAL_SAMPLING, temperature: 0 }, job.prompt),
        drafter: drafter(),
        caller: `caller ${i % 3}`,
      };
      const sequence = submitCollecting(scheduler, spec, (_token, { tokens }) => tokens.length === job.cancelAfter);
      const { tokens, error } = await sequence.done;
      if (error !== null) throw error;
      return { job, tokens: [...(job.begun ?? []), ...tokens] };
    }),
  );
}

/** The slow twin's answer: one request alone on an engine, its prompt in one piece, one token a step. */
export async function answerAlone(decoder: Decoder, prompt: readonly number[], count: number): Promise<number[]> {
  const tokens = [argmax(await decoder.prefill(0, prompt, 0))];
  while (tokens.length < count) {
    tokens.push(argmax(await decoder.decode([tokens.at(-1) ?? 0], [prompt.length + tokens.length - 1])));
  }
  return tokens;
}

/** How far the chosen tokens' logits are below the best ones, at most, when the slow twin is led through the same answer. */
export async function largestMargin(decoder: Decoder, prompt: readonly number[], answer: readonly number[]) {
  let logits = await decoder.prefill(0, prompt, 0);
  let largest = 0;
  for (const [i, token] of answer.entries()) {
    largest = Math.max(largest, (logits[argmax(logits)] ?? 0) - (logits[token] ?? Number.NaN));
    if (i < answer.length - 1) logits = await decoder.decode([token], [prompt.length + i]);
  }
  return largest;
}
