import { modelError } from "../model-error.ts";
import { scaleFrequencies } from "../rope-scaling.ts";
import type { GgufFile } from "./reader.ts";
import { decodeBlocks } from "./blocks.ts";

const TABLE = "rope_freqs.weight";

/** What Meta's Llama 3.1 and later were stretched with, but for the factor. */
const LLAMA3 = {
  rope_type: "llama3" as const,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

/** The table is float32 computed in float32. */
const TOLERANCE = 1e-3;

/**
 * The rope_scaling of config.json that a file's table of frequencies was made from: the converter keeps the result only, one divisor per
 * pair. Undefined without a table. Throws `model_load_failed` if it is not one of Llama 3's.
 */
export async function llama3Scaling(file: GgufFile, theta: number): Promise<Record<string, unknown> | undefined> {
  const tensor = file.tensors.get(TABLE);
  if (tensor === undefined) return undefined;
  const divisors = decodeBlocks(tensor.type, await file.read(tensor.offset, tensor.bytes));
  // The slowest pair is stretched most.
  const factor = Math.round((divisors.at(-1) ?? 1) * 1000) / 1000;
  if (!isLlama3(divisors, theta, factor)) {
    throw modelError(`${file.name}: its rotary embedding is scaled in a way that is not known (${TABLE}).`);
  }
  return { ...LLAMA3, factor };
}

/** One factor for each pair of a rotated head; a head has at most 512 components. */
const MAX_FACTORS = 256;

/** LongRoPE's factors for short and for long texts; undefined for a file without them. Throws `model_load_failed`. */
export async function longropeFactors(
  file: GgufFile,
): Promise<{ short_factor: number[]; long_factor: number[] } | undefined> {
  const read = async (kind: "short" | "long") => {
    const tensor = file.tensors.get(`rope_factors_${kind}.weight`);
    if (tensor === undefined) return undefined;
    if (tensor.elements > MAX_FACTORS)
      throw modelError(`${file.name}: ${tensor.elements} longrope factors are too many.`);
    return Array.from(decodeBlocks(tensor.type, await file.read(tensor.offset, tensor.bytes)));
  };
  const [short, long] = [await read("short"), await read("long")];
  if (short === undefined && long === undefined) return undefined;
  if (short === undefined || long === undefined) {
    throw modelError(`${file.name} has longrope factors for short or for long texts only.`);
  }
  return { short_factor: short, long_factor: long };
}

function isLlama3(divisors: Float32Array, theta: number, factor: number): boolean {
  const rotaryDim = divisors.length * 2;
  const unscaled = Array.from(divisors, (_, pair) => theta ** ((-2 * pair) / rotaryDim));
  const { rope_type: type, ...constants } = LLAMA3;
  const positions = LLAMA3.original_max_position_embeddings;
  const rope = { theta, rotaryDim, originalPositions: positions, trainedPositions: positions, maxPositions: positions };
  const { frequencies } = scaleFrequencies({ ...rope, scaling: { ...constants, type, factor } }, unscaled);
  return frequencies.every((frequency, pair) => {
    const expected = (unscaled[pair] ?? 0) / frequency;
    return Math.abs((divisors[pair] ?? 0) - expected) <= TOLERANCE * expected;
  });
}
