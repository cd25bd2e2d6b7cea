import { join } from "node:path";
import { z } from "zod";
import { ARCHITECTURES, type ArchitectureName } from "./architectures/all.ts";
import type { Architecture } from "./architectures/architecture.ts";
import { readJson } from "./json-file.ts";
import type { Experts } from "./mixture-of-experts.ts";
import { modelError } from "./model-error.ts";
import { type RawConfig, rawConfigSchema } from "./raw-config.ts";
import { fitRope, parseRope, type Rope, ropeStages } from "./rope.ts";

/** What one layer's attention looks at. */
export interface LayerAttention {
  /** Index into `ropes`; undefined if queries and keys are not rotated. */
  rope: number | undefined;
  /** Latest positions that are seen, the token's own included; undefined for all. */
  window: number | undefined;
}

/** Shape and constants of a decoder-only transformer: what the graph needs to know beside the weights. */
export interface ModelConfig {
  architecture: ArchitectureName;
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
  /** The output projection is the embedding. */
  tiedEmbeddings: boolean;
  eosTokenIds: readonly number[];
  ropes: readonly Rope[];
  /** One for each layer. */
  attention: readonly LayerAttention[];
  activation: Activation;
  /** Products of queries and keys are multiplied by it. */
  attentionScale: number;
  /** x becomes cap * tanh(x / cap), of attention scores and of logits. */
  attentionSoftcap: number | undefined;
  logitSoftcap: number | undefined;
  /** Embeddings are multiplied by it. */
  embeddingScale: number;
  /** Added to norm gains as they are stored. */
  gainOffset: 0 | 1;
  /** Each head's query and key are normalised before they are rotated. */
  qkNorm: boolean;
  /** Norms stand also after each sublayer, and not only before. */
  postNorms: boolean;
  biases: { qkv: boolean; output: boolean; mlp: boolean };
  /** What the names of the files' tensors begin with, before those of a model of its own. */
  tensorPrefix: string;
  /** The files hold queries, keys and values in one tensor, and gate and up in another. */
  fusedProjections: boolean;
  /** Undefined where every layer has one feed-forward layer for all tokens. */
  experts: Experts | undefined;
}

const ACTIVATIONS = { silu: "silu", gelu_pytorch_tanh: "gelu_tanh" } as const;
/** The function in the gate: SiLU, or GELU by its approximation with tanh. */
export type Activation = (typeof ACTIVATIONS)[keyof typeof ACTIVATIONS];

/** The rotary tables are made for every position; no home machine has the memory for the cache of a longer context. */
const LONGEST_CONTEXT = 131_072;

/** Architectures there is a graph for. */
export const SUPPORTED_ARCHITECTURES: readonly string[] = Object.keys(ARCHITECTURES);

/** Parses config.json. Throws `model_load_failed` with what is missing, wrong or not supported. */
export function parseConfig(json: unknown): ModelConfig {
  const named = z.looseObject({ architectures: z.array(z.string().max(128)).max(16) }).safeParse(json);
  const architecture = named.success ? named.data.architectures[0] : undefined;
  if (architecture === undefined) throw modelError("config.json does not say which architecture the model has.");
  if (!isSupported(architecture)) {
    throw modelError(
      `The architecture ${architecture} is not supported. Supported are: ${SUPPORTED_ARCHITECTURES.join(", ")}.`,
    );
  }
  const kind: Architecture = ARCHITECTURES[architecture];
  const parsed = rawConfigSchema.safeParse({ ...kind.defaults, ...fieldsOf(kind, named.data ?? {}) });
  if (!parsed.success) throw modelError(`config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  return fromRaw(architecture, kind, parsed.data);
}

/** The fields of a text model, which may be a part of a larger one; that one says where an answer ends. */
function fieldsOf(kind: Architecture, json: Record<string, unknown>): object {
  if (kind.within === undefined) return json;
  const part = json[kind.within.config];
  if (typeof part !== "object" || part === null) throw modelError(`config.json has no ${kind.within.config}.`);
  return { eos_token_id: json["eos_token_id"], ...part };
}

function isSupported(name: string): name is ArchitectureName {
  return Object.hasOwn(ARCHITECTURES, name);
}

function fromRaw(architecture: ArchitectureName, kind: Architecture, raw: RawConfig): ModelConfig {
  const { heads, kvHeads, headDim } = headsOf(raw);
  const differences = kind.differences?.(raw) ?? {};
  const ropes = differences.ropes ?? [parseRope(raw, { ...raw.rope_parameters, ...raw.rope_scaling })];
  const maxPositions = Math.min(LONGEST_CONTEXT, ...ropes.map((rope) => rope.maxPositions));
  return {
    architecture,
    vocabSize: raw.vocab_size,
    hiddenSize: raw.hidden_size,
    ffnSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    maxPositions,
    normEpsilon: raw.rms_norm_eps,
    tiedEmbeddings: raw.tie_word_embeddings,
    eosTokenIds: raw.eos_token_id ?? [],
    attention: attentionOf(kind, raw, maxPositions),
    activation: activationOf(raw),
    attentionScale: 1 / Math.sqrt(headDim),
    attentionSoftcap: undefined,
    logitSoftcap: undefined,
    embeddingScale: 1,
    gainOffset: 0,
    qkNorm: false,
    postNorms: false,
    biases: { qkv: false, output: false, mlp: false },
    tensorPrefix: kind.within?.tensors ?? "",
    fusedProjections: false,
    experts: undefined,
    ...differences,
    ropes,
  };
}

function headsOf(raw: RawConfig) {
  const heads = raw.num_attention_heads;
  const kvHeads = raw.num_key_value_heads ?? heads;
  const headDim = raw.head_dim ?? raw.hidden_size / heads;
  if (heads % kvHeads !== 0)
    throw modelError(`config.json: ${heads} heads cannot share ${kvHeads} key and value heads.`);
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw modelError(`config.json: a head size of ${headDim} is not an even number.`);
  }
  return { heads, kvHeads, headDim };
}

/** A list of layers wins over the architecture's rule; a window that holds every position is none. */
function attentionOf(kind: Architecture, raw: RawConfig, maxPositions: number): LayerAttention[] {
  const { num_hidden_layers: layers, layer_types: types, sliding_window: window } = raw;
  if (types != null && types.length !== layers) {
    throw modelError(`config.json: layer_types lists ${types.length} layers of ${layers}.`);
  }
  return Array.from({ length: layers }, (_, layer) => {
    const slides = types == null ? kind.slides?.(raw, layer) === true : types[layer] === "sliding_attention";
    const limited = slides && window != null && window < maxPositions;
    return { rope: kind.rope === undefined ? 0 : kind.rope(raw, layer, slides), window: limited ? window : undefined };
  });
}

function activationOf(raw: RawConfig): Activation {
  const name = raw.hidden_activation ?? raw.hidden_act;
  if (name === "silu" || name === "gelu_pytorch_tanh") return ACTIVATIONS[name];
  throw modelError(
    `config.json: the activation ${name} is not supported. Supported are: ${Object.keys(ACTIVATIONS).join(", ")}.`,
  );
}

/** The model for texts of at most `contextLength`: see fitRope. */
export function fitContext(config: ModelConfig, contextLength: number): ModelConfig {
  const ropes = config.ropes.map((rope) => fitRope(rope, contextLength));
  return { ...config, ropes, maxPositions: Math.min(config.maxPositions, ...ropes.map((rope) => rope.maxPositions)) };
}

/** The model for texts within the first stage of its ropes: its graph asks for no rows of tables. */
export function fitFirstStage(config: ModelConfig): ModelConfig {
  const [end = config.maxPositions] = ropeStages(config);
  return fitContext(config, end);
}

/** Reads a model folder's config.json. Throws `model_load_failed`. */
export async function readConfig(folder: string): Promise<ModelConfig> {
  const json = await readJson(join(folder, "config.json"));
  if (json === undefined) throw modelError(`${folder} holds no config.json: is it a model folder?`);
  return parseConfig(json);
}
