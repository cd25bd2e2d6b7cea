import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { modelError } from "./model-error.ts";

const dimension = z
  .number()
  .int()
  .positive()
  .max(1 << 20);
const tokenId = z.number().int().nonnegative().max(0xffffffff);
const tokenIds = z.union([tokenId.transform((id) => [id]), z.array(tokenId).max(64)]);

const llamaSchema = z.object({
  vocab_size: dimension,
  hidden_size: dimension,
  intermediate_size: dimension,
  num_hidden_layers: dimension.max(1024),
  num_attention_heads: dimension.max(1024),
  num_key_value_heads: dimension.max(1024).nullish(),
  head_dim: dimension.max(512).nullish(),
  hidden_act: z.literal("silu", { error: "only hidden_act silu is supported" }).default("silu"),
  max_position_embeddings: z.number().int().positive().default(2048),
  rms_norm_eps: z.number().positive().max(1).default(1e-6),
  rope_theta: z.number().positive().max(1e12).nullish(),
  rope_scaling: z.looseObject({}).nullish(),
  /** Where newer configurations keep rope_theta and the scaling. */
  rope_parameters: z.looseObject({ rope_theta: z.number().positive().max(1e12).optional() }).nullish(),
  attention_bias: z.literal(false, { error: "attention biases are not supported" }).nullish(),
  mlp_bias: z.literal(false, { error: "MLP biases are not supported" }).nullish(),
  tie_word_embeddings: z.boolean().default(false),
  bos_token_id: tokenIds.nullish(),
  eos_token_id: tokenIds.nullish(),
});

/** Shape and constants of a Llama: what the graph needs to know beside the weights. */
export interface LlamaConfig {
  architecture: "LlamaForCausalLM";
  vocabSize: number;
  hiddenSize: number;
  ffnSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Positions the model was trained for, or those that we serve of them. */
  maxPositions: number;
  normEpsilon: number;
  ropeTheta: number;
  /** The output projection is the embedding. */
  tiedEmbeddings: boolean;
  eosTokenIds: readonly number[];
}

/** The rotary tables are made for every position; no home machine has the memory for the cache of a longer context. */
const LONGEST_CONTEXT = 131_072;

/** Architectures there is a graph for. */
export const SUPPORTED_ARCHITECTURES = ["LlamaForCausalLM"] as const;

/** Parses config.json. Throws `model_load_failed` with what is missing, wrong or not supported. */
export function parseConfig(json: unknown): LlamaConfig {
  const named = z.looseObject({ architectures: z.array(z.string().max(128)).max(16) }).safeParse(json);
  const architecture = named.success ? named.data.architectures[0] : undefined;
  if (architecture === undefined) throw modelError("config.json does not say which architecture the model has.");
  if (architecture !== "LlamaForCausalLM") {
    throw modelError(
      `The architecture ${architecture} is not supported. Supported are: ${SUPPORTED_ARCHITECTURES.join(", ")}.`,
    );
  }
  const parsed = llamaSchema.safeParse(json);
  if (!parsed.success) throw modelError(`config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  return fromLlama(parsed.data);
}

function fromLlama(raw: z.infer<typeof llamaSchema>): LlamaConfig {
  refuseRopeScaling(raw.rope_scaling ?? raw.rope_parameters);
  const heads = raw.num_attention_heads;
  const kvHeads = raw.num_key_value_heads ?? heads;
  const headDim = raw.head_dim ?? raw.hidden_size / heads;
  if (heads % kvHeads !== 0)
    throw modelError(`config.json: ${heads} heads cannot share ${kvHeads} key and value heads.`);
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw modelError(`config.json: a head size of ${headDim} is not an even number.`);
  }
  return {
    architecture: "LlamaForCausalLM",
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    ffnSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    maxPositions: Math.min(raw.max_position_embeddings, LONGEST_CONTEXT),
    normEpsilon: raw.rms_norm_eps,
    ropeTheta: raw.rope_theta ?? raw.rope_parameters?.rope_theta ?? 10_000,
    tiedEmbeddings: raw.tie_word_embeddings,
    eosTokenIds: raw.eos_token_id ?? [],
  };
}

/** A scaled rotary embedding that is ignored gives fluent nonsense on long texts: better not to load at all. */
function refuseRopeScaling(scaling: Record<string, unknown> | null | undefined): void {
  const type = scaling?.["rope_type"] ?? scaling?.["type"] ?? "default";
  if (type !== "default") {
    throw modelError(
      `config.json: rope scaling of type ${JSON.stringify(type)} is not supported; only unscaled rope is.`,
    );
  }
}

const generationSchema = z.object({
  eos_token_id: tokenIds.nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).max(100).nullish(),
  top_k: z.number().int().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  max_new_tokens: z.number().int().positive().nullish(),
});

/** What a model's author recommends; an absent field has no recommendation. */
export interface GenerationDefaults {
  eosTokenIds?: readonly number[];
  /** 0 where the author says not to sample. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  maxTokens?: number;
}

/** Parses generation_config.json. Throws `model_load_failed`. */
export function parseGenerationConfig(json: unknown): GenerationDefaults {
  const parsed = generationSchema.safeParse(json);
  if (!parsed.success) throw modelError(`generation_config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  const raw = parsed.data;
  const temperature = raw.do_sample === false ? 0 : raw.temperature;
  return {
    ...(raw.eos_token_id == null ? {} : { eosTokenIds: raw.eos_token_id }),
    ...(temperature == null ? {} : { temperature }),
    ...(raw.top_k == null ? {} : { topK: raw.top_k }),
    ...(raw.top_p == null || raw.top_p === 0 ? {} : { topP: raw.top_p }),
    ...(raw.min_p == null ? {} : { minP: raw.min_p }),
    ...(raw.repetition_penalty == null ? {} : { repetitionPenalty: raw.repetition_penalty }),
    ...(raw.max_new_tokens == null ? {} : { maxTokens: raw.max_new_tokens }),
  };
}

/** No honest configuration is larger. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Reads a model folder's config.json. Throws `model_load_failed`. */
export async function readConfig(folder: string): Promise<LlamaConfig> {
  const json = await readJson(join(folder, "config.json"));
  if (json === undefined) throw modelError(`${folder} holds no config.json: is it a model folder?`);
  return parseConfig(json);
}

/** Reads a model folder's generation_config.json; an absent file recommends nothing. Throws `model_load_failed`. */
export async function readGenerationConfig(folder: string): Promise<GenerationDefaults> {
  const json = await readJson(join(folder, "generation_config.json"));
  return json === undefined ? {} : parseGenerationConfig(json);
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw modelError(`${path} could not be read.`, error);
  }
  if (text.length > MAX_CONFIG_BYTES) throw modelError(`${path} is larger than any configuration should be.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw modelError(`${path} is not valid JSON.`, error);
  }
}
