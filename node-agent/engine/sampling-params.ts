import type { Sampling } from "../../shared/inference/request.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";

/** Sampling parameters with nothing left open, but for the seed: absent means one from the system's entropy. */
export type SamplingParams = { [Key in Exclude<keyof Sampling, "seed">]-?: NonNullable<Sampling[Key]> } & Pick<
  Sampling,
  "seed"
>;

/** The values that change nothing. */
export const NEUTRAL_SAMPLING: SamplingParams = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
};

/** What the request says, else what the model's author recommends, else the neutral value. */
export function resolveSampling(request: Sampling, defaults: GenerationDefaults): SamplingParams {
  const { temperature, topK, topP, minP, repetitionPenalty } = defaults;
  return { ...NEUTRAL_SAMPLING, ...defined({ temperature, topK, topP, minP, repetitionPenalty }), ...defined(request) };
}

/** The object without its undefined fields, which a spread would write over earlier ones. */
function defined<T extends object>(object: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  // The cast: fromEntries forgets the keys' types.
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}
