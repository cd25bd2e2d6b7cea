import type { Rope, RopeScaling } from "./rope.ts";

/** Angles per position of each pair, and what cosines and sines are multiplied by. */
export interface ScaledFrequencies {
  frequencies: readonly number[];
  gain: number;
}

type Scaling<T extends RopeScaling["type"]> = Extract<RopeScaling, { type: T }>;
type Scale<T extends RopeScaling["type"]> = (
  scaling: Scaling<T>,
  frequencies: readonly number[],
  rope: Rope,
  length: number,
) => ScaledFrequencies;

const SCALES: { [T in RopeScaling["type"]]: Scale<T> } = {
  default: (_, frequencies) => ({ frequencies, gain: 1 }),
  linear: (scaling, frequencies) => ({ frequencies: frequencies.map((f) => f / scaling.factor), gain: 1 }),
  dynamic: scaleDynamic,
  llama3: (scaling, frequencies) => ({ frequencies: frequencies.map((f) => scaleLlama3(scaling, f)), gain: 1 }),
  yarn: scaleYarn,
  longrope: scaleLongrope,
};

/**
 * Frequencies of a rotary embedding, stretched as its model was.
 * @param length of the sequence, in tokens: dynamic scaling depends on it
 */
export function scaleFrequencies(
  rope: Rope,
  frequencies: readonly number[],
  length: number = rope.originalPositions,
): ScaledFrequencies {
  // The cast: TypeScript cannot see that the function of a type takes exactly the scalings of that type.
  const scale = SCALES[rope.scaling.type] as Scale<RopeScaling["type"]>;
  return scale(rope.scaling, frequencies, rope, length);
}

/**
 * Dynamic NTK: beyond the trained positions the base grows with the sequence, by (factor x length / trained - (factor - 1))^(d / (d - 2)) as
 * in Hugging Face's models, so that the slowest pair is stretched by about as much as the sequence and the fastest not at all.
 */
function scaleDynamic(
  { factor }: Scaling<"dynamic">,
  frequencies: readonly number[],
  { originalPositions, rotaryDim }: Rope,
  length: number,
): ScaledFrequencies {
  const growth = (factor * Math.max(length, originalPositions)) / originalPositions - (factor - 1);
  return { frequencies: frequencies.map((f, pair) => f * growth ** ((-2 * pair) / (rotaryDim - 2))), gain: 1 };
}

/** Llama 3.1's: slow pairs are stretched, fast ones left alone, with a ramp between (Grattafiori et al., arXiv:2407.21783; Llama's code). */
function scaleLlama3(scaling: Scaling<"llama3">, frequency: number): number {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  const turns = (scaling.original_max_position_embeddings * frequency) / (2 * Math.PI);
  if (turns < low) return frequency / factor;
  if (turns > high) return frequency;
  const share = (turns - low) / (high - low);
  return ((1 - share) * frequency) / factor + share * frequency;
}

/** YaRN (Peng et al., arXiv:2309.00071, sections 3.2 and 3.4): as above, with the ramp over the pair's index. */
function scaleYarn(scaling: Scaling<"yarn">, frequencies: readonly number[], rope: Rope): ScaledFrequencies {
  const { factor, beta_fast, beta_slow, truncate } = scaling;
  /** Index of the pair that makes so many turns over the trained positions. */
  const pairOf = (turns: number) =>
    (rope.rotaryDim * Math.log(rope.originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [first, last] = [pairOf(beta_fast), pairOf(beta_slow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const high = Math.min(truncate ? Math.ceil(last) : last, rope.rotaryDim - 1);
  const width = high === low ? 0.001 : high - low;
  const scaled = frequencies.map((frequency, pair) => {
    const stretched = Math.min(1, Math.max(0, (pair - low) / width));
    return (frequency / factor) * stretched + frequency * (1 - stretched);
  });
  return { frequencies: scaled, gain: yarnGain(scaling) };
}

/** Makes up for the flatter attention over more positions; DeepSeek's models give it as a quotient. */
function yarnGain({ factor, attention_factor: given, mscale, mscale_all_dim: all }: Scaling<"yarn">): number {
  const gainOf = (weight: number) => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  if (given !== undefined) return given;
  return mscale && all ? gainOf(mscale) / gainOf(all) : gainOf(1);
}

/** LongRoPE (Ding et al., arXiv:2402.13753) as Phi-3 has it: searched factors per pair, others where texts may be long. */
function scaleLongrope(scaling: Scaling<"longrope">, frequencies: readonly number[], rope: Rope): ScaledFrequencies {
  const { originalPositions, trainedPositions, maxPositions } = rope;
  const factors = maxPositions > originalPositions ? scaling.long_factor : scaling.short_factor;
  const stretch = trainedPositions / originalPositions;
  const gain = stretch <= 1 ? 1 : Math.sqrt(1 + Math.log(stretch) / Math.log(originalPositions));
  return {
    frequencies: frequencies.map((frequency, pair) => frequency / (factors[pair] ?? 1)),
    gain: scaling.attention_factor ?? gain,
  };
}
