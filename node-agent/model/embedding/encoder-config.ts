import { z } from "zod";
import { modelError } from "../model-error.ts";
import { type EncoderKind, type EncoderName, ENCODERS } from "./encoder-kinds.ts";

/** Shape and constants of an encoder. */
export interface EncoderConfig {
  kind: EncoderKind;
  vocabSize: number;
  hiddenSize: number;
  ffnSize: number;
  layers: number;
  heads: number;
  /** Rows of the table of positions, and which of them is the first token's. */
  positionRows: number;
  firstPosition: number;
  /** Tokens of a text. */
  maxPositions: number;
  tokenTypes: number;
  normEpsilon: number;
  activation: EncoderActivation;
  /** Buckets of distances, and the distance from which all share one. */
  relativeBuckets: number;
}

export type EncoderActivation = (typeof ACTIVATIONS)[keyof typeof ACTIVATIONS];
const ACTIVATIONS = { gelu: "gelu", gelu_new: "gelu_tanh", gelu_pytorch_tanh: "gelu_tanh", relu: "relu" } as const;

const size = z
  .number()
  .int()
  .positive()
  .max(1 << 20);
const rawSchema = z.object({
  model_type: z.string().max(64),
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size.max(1024),
  num_attention_heads: size.max(1024),
  max_position_embeddings: size,
  type_vocab_size: size.default(2),
  layer_norm_eps: z.number().positive().max(1).default(1e-12),
  hidden_act: z.string().max(64).default("gelu"),
  pad_token_id: z
    .number()
    .int()
    .nonnegative()
    .max(1 << 20)
    .nullish(),
  position_embedding_type: z.literal("absolute", { error: "only absolute positions are supported" }).nullish(),
  relative_attention_num_buckets: size.max(1024).default(32),
});

/** DistilBERT's names for the same. */
const ALIASES: Readonly<Record<string, string>> = {
  dim: "hidden_size",
  hidden_dim: "intermediate_size",
  n_layers: "num_hidden_layers",
  n_heads: "num_attention_heads",
  activation: "hidden_act",
};

/** The kind of encoder that config.json describes; undefined for other models. */
export function encoderKindOf(json: unknown): EncoderName | undefined {
  const named = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).nullish() }).safeParse(json);
  if (!named.success) return undefined;
  const { model_type: type, architectures } = named.data;
  // A model with another head (a classifier, a reranker) was not made for vectors.
  const isBody = (architectures ?? []).every((name) => /(Model|MaskedLM|PreTraining)$/.test(name));
  return isBody && isEncoder(type) ? type : undefined;
}

function isEncoder(type: string): type is EncoderName {
  return Object.hasOwn(ENCODERS, type);
}

/** Parses config.json of an encoder. Throws `model_load_failed` with what is missing, wrong or not supported. */
export function parseEncoderConfig(name: EncoderName, json: object): EncoderConfig {
  const fields = Object.entries(json).map(([key, value]) => [ALIASES[key] ?? key, value]);
  const parsed = rawSchema.safeParse(Object.fromEntries(fields));
  if (!parsed.success) throw modelError(`config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  const raw = parsed.data;
  const kind = ENCODERS[name];
  const { num_attention_heads: heads, hidden_size: hiddenSize, hidden_act: activation } = raw;
  if (hiddenSize % heads !== 0) throw modelError(`config.json: ${heads} heads cannot share ${hiddenSize} components.`);
  if (!isActivation(activation)) throw modelError(`config.json: the activation ${activation} is not supported.`);
  const firstPosition = kind.positionsAfterPadding ? (raw.pad_token_id ?? 1) + 1 : 0;
  const maxPositions = raw.max_position_embeddings - firstPosition;
  if (maxPositions < 1) throw modelError("config.json: max_position_embeddings leaves no position for a token.");
  return {
    kind,
    vocabSize: raw.vocab_size,
    hiddenSize,
    ffnSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    positionRows: raw.max_position_embeddings,
    firstPosition,
    maxPositions,
    tokenTypes: raw.type_vocab_size,
    normEpsilon: raw.layer_norm_eps,
    activation: ACTIVATIONS[activation],
    relativeBuckets: raw.relative_attention_num_buckets,
  };
}

function isActivation(name: string): name is keyof typeof ACTIVATIONS {
  return Object.hasOwn(ACTIVATIONS, name);
}
