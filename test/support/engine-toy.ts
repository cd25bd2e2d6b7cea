import { createSampler } from "../../node-agent/engine/sampler.ts";
import { NEUTRAL_SAMPLING, type SamplingParams } from "../../node-agent/engine/sampling-params.ts";
import { Scheduler } from "../../node-agent/engine/scheduler.ts";
import { ToyDecoder, type ToyDecoderOptions, toyLogits } from "./engine-toy-decoder.ts";

export const GREEDY = { ...NEUTRAL_SAMPLING, temperature: 0 };
const STOP = 0;

/** The slow twin: one sequence alone, no cache, no batch. */
export function alone(prompt: readonly number[], params: SamplingParams, maxTokens: number, stop = new Set([STOP])) {
  const sampler = createSampler(params, prompt);
  const tokens = [...prompt];
  const output: number[] = [];
  while (output.length < maxTokens) {
    const token = sampler.sample(toyLogits(tokens, 32));
    tokens.push(token);
    if (stop.has(token)) return { output, reason: "stop", completionTokens: output.length + 1 };
    output.push(token);
  }
  return { output, reason: "length", completionTokens: output.length };
}

export function spec(prompt: readonly number[], maxTokens?: number, params: SamplingParams = GREEDY) {
  return { prompt, maxTokens, stopTokens: new Set([STOP]), sampler: createSampler(params, prompt) };
}

export function createScheduler(
  decoderOptions: ToyDecoderOptions = {},
  options: ConstructorParameters<typeof Scheduler>[1] = {},
) {
  const decoder = new ToyDecoder(decoderOptions);
  return { decoder, scheduler: new Scheduler(decoder, options) };
}
