import { z } from "zod";
import { modelError } from "./model-error.ts";
import type { RawConfig } from "./raw-config.ts";
import { scaleFrequencies } from "./rope-scaling.ts";

const factor = z.number().min(1).max(1e6);
const positions = z.number().int().positive();
const optional = <T extends z.ZodType>(item: T) => item.nullish().transform((value) => value ?? undefined);
const factors = z.array(z.number().positive().max(1e9)).max(256);

const unscaledSchema = z.object({ type: z.literal("default") });
const linearSchema = z.object({ type: z.literal("linear"), factor });
const dynamicSchema = z.object({ type: z.literal("dynamic"), factor });
const llama3Schema = z.object({
  type: z.literal("llama3"),
  factor,
  low_freq_factor: z.number().positive(),
  high_freq_factor: z.number().positive(),
  original_max_position_embeddings: positions,
});
const yarnSchema = z.object({
  type: z.literal("yarn"),
  factor,
  original_max_position_embeddings: optional(positions),
  attention_factor: optional(z.number().positive().max(1e3)),
  mscale: optional(z.number().nonnegative()),
  mscale_all_dim: optional(z.number().nonnegative()),
  beta_fast: z
    .number()
    .positive()
    .nullish()
    .transform((value) => value ?? 32),
  beta_slow: z
    .number()
    .positive()
    .nullish()
    .transform((value) => value ?? 1),
  truncate: z.boolean().default(true),
});
const longropeSchema = z.object({
  type: z.literal("longrope"),
  short_factor: factors,
  long_factor: factors,
  attention_factor: optional(z.number().positive().max(1e3)),
  original_max_position_embeddings: optional(positions),
});
const scalingSchema = z.discriminatedUnion("type", [
  unscaledSchema,
  linearSchema,
  dynamicSchema,
  llama3Schema,
  yarnSchema,
  longropeSchema,
]);
const SCALING_TYPES = ["default", "linear", "dynamic", "llama3", "yarn", "longrope"];

/** How a model was stretched to longer texts than it was first trained on; the fields' names are those of config.json. */
export type RopeScaling = z.infer<typeof scalingSchema>;

/** A rotary embedding. */
export interface Rope {
  theta: number;
  /** Components of a head that are rotated, from its first on: even. */
  rotaryDim: number;
  scaling: RopeScaling;
  /** Positions it was trained for before it was scaled. */
  originalPositions: number;
  /** Positions it was stretched to, by config.json. */
  trainedPositions: number;
  /** Positions it can serve. */
  maxPositions: number;
}

/** The ropes of a model and the positions they all serve. */
export interface Ropes {
  ropes: readonly Rope[];
  maxPositions: number;
}

/** The attention kernel wants rows of 8 cosines. */
const ROTARY_STEP = 16;

/**
 * Reads rope parameters: those of config.json's top level (`rope_theta`) and of `rope_scaling` or `rope_parameters` taken together.
 * Throws `model_load_failed` for a kind of scaling that is not known: ignored, it would give fluent nonsense on long texts.
 */
export function parseRope(raw: RawConfig, parameters: Readonly<Record<string, unknown>>): Rope {
  const named = parameters["rope_type"] ?? parameters["type"] ?? "default";
  // The name that Phi-3 had for it first.
  const type = named === "su" ? "longrope" : named;
  if (typeof type !== "string" || !SCALING_TYPES.includes(type)) {
    throw modelError(
      `config.json: rope scaling of type ${JSON.stringify(named)} is not supported. Supported are: ${SCALING_TYPES.join(", ")}.`,
    );
  }
  const parsed = scalingSchema.safeParse({ ...parameters, type });
  if (!parsed.success) throw modelError(`config.json: rope scaling: ${z.prettifyError(parsed.error)}`, parsed.error);
  const scaling = parsed.data;
  const theta = z.number().positive().max(1e12).nullish().safeParse(parameters["rope_theta"]);
  const share = z.number().positive().max(1).nullish().safeParse(parameters["partial_rotary_factor"]);
  if (!theta.success || !share.success) throw modelError("config.json: the rope parameters are not numbers in range.");
  const headDim = raw.head_dim ?? raw.hidden_size / raw.num_attention_heads;
  const rotaryDim = Math.floor(headDim * (share.data ?? raw.partial_rotary_factor ?? 1));
  if (rotaryDim % ROTARY_STEP !== 0) {
    throw modelError(`config.json: heads of ${rotaryDim} rotated components are not supported, only multiples of 16.`);
  }
  const rope = { theta: theta.data ?? raw.rope_theta ?? 10_000, rotaryDim, scaling };
  return { ...rope, trainedPositions: raw.max_position_embeddings, ...reach(raw, scaling, rotaryDim) };
}

/**
 * The rope for texts of at most `contextLength`. LongRoPE has one set of factors for texts within the original positions and one for longer
 * ones, for all of a text's positions; keys in the cache cannot be turned again, so the context decides (as in llama.cpp). Dynamic scaling
 * has nothing to scale within the original positions.
 */
export function fitRope(rope: Rope, contextLength: number): Rope {
  const { type } = rope.scaling;
  if ((type !== "longrope" && type !== "dynamic") || contextLength > rope.originalPositions) return rope;
  return { ...rope, maxPositions: Math.min(rope.maxPositions, rope.originalPositions) };
}

/**
 * Lengths at which a sequence needs another rotation, the last one being all positions. Dynamic scaling changes the base with the length of
 * a sequence, so its keys are computed anew whenever it has doubled; with everything else there is one stage.
 */
export function ropeStages({ ropes, maxPositions }: Ropes): number[] {
  const dynamic = ropes.find(({ scaling }) => scaling.type === "dynamic");
  const stages = [];
  if (dynamic !== undefined) for (let end = dynamic.originalPositions; end < maxPositions; end *= 2) stages.push(end);
  return [...stages, maxPositions];
}

/** What positions a scaled embedding comes from and can serve. */
function reach(raw: RawConfig, scaling: RopeScaling, rotaryDim: number) {
  const trained = raw.max_position_embeddings;
  if (scaling.type === "yarn") {
    const originalPositions = scaling.original_max_position_embeddings ?? trained;
    return { originalPositions, maxPositions: Math.max(trained, Math.floor(originalPositions * scaling.factor)) };
  }
  if (scaling.type === "longrope") {
    const originalPositions =
      raw.original_max_position_embeddings ?? scaling.original_max_position_embeddings ?? trained;
    for (const list of [scaling.short_factor, scaling.long_factor]) {
      if (list.length !== rotaryDim / 2)
        throw modelError(`config.json: ${list.length} longrope factors do not fit ${rotaryDim} rotated components.`);
    }
    return { originalPositions, maxPositions: trained };
  }
  const stretched = Math.floor(trained * ("factor" in scaling ? scaling.factor : 1));
  if (scaling.type === "dynamic") return { originalPositions: trained, maxPositions: stretched };
  // Linear: most models write the stretched length, and a few the length before it and this beside it.
  const stated = scaling.type === "linear" ? Math.min(stretched, raw.max_sequence_length ?? trained) : trained;
  return { originalPositions: trained, maxPositions: Math.max(trained, stated) };
}

/**
 * Cosines and sines of a rotary embedding (Su et al., arXiv:2104.09864), row-major [positions, rotaryDim / 2]: position p turns pair i by
 * p x theta^(-2i / rotaryDim), as changed by the scaling for sequences of that length.
 */
export function ropeCaches(rope: Rope, positionCount: number): { cos: Float32Array; sin: Float32Array } {
  const pairs = rope.rotaryDim / 2;
  const cos = new Float32Array(positionCount * pairs);
  const sin = new Float32Array(positionCount * pairs);
  const unscaled = Array.from({ length: pairs }, (_, pair) => rope.theta ** ((-2 * pair) / rope.rotaryDim));
  const { frequencies, gain } = scaleFrequencies(rope, unscaled, positionCount);
  for (const [pair, frequency] of frequencies.entries()) {
    for (let position = 0; position < positionCount; position++) {
      cos[position * pairs + pair] = gain * Math.cos(position * frequency);
      sin[position * pairs + pair] = gain * Math.sin(position * frequency);
    }
  }
  return { cos, sin };
}
