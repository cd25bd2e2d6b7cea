import { z } from "zod";
import { modelError } from "../model-error.ts";
import { architectureOf, type Gemma } from "./architectures.ts";
import type { GgufHeader } from "./header.ts";
import type { GgufFile } from "./reader.ts";
import { llama3Scaling, longropeFactors } from "./rope-table.ts";

type Described = GgufHeader & { name: string };

const count = z.number().int().positive();
const scale = z.number().positive();

/** The keys that begin with the architecture's name, without it. */
const schema = z.object({
  block_count: count,
  embedding_length: count,
  feed_forward_length: count,
  context_length: count,
  "attention.head_count": count,
  "attention.head_count_kv": count.optional(),
  "attention.key_length": count.optional(),
  "attention.layer_norm_rms_epsilon": scale,
  /** 0 for none. */
  "attention.sliding_window": z.number().int().nonnegative().optional(),
  attn_logit_softcapping: scale.optional(),
  final_logit_softcapping: scale.optional(),
  "rope.freq_base": scale.optional(),
  "rope.dimension_count": count.optional(),
  "rope.scaling.attn_factor": scale.optional(),
  "rope.scaling.type": z.enum(["none", "linear", "yarn"]).default("none"),
  "rope.scaling.factor": scale.optional(),
  "rope.scaling.original_context_length": count.optional(),
  expert_count: count.max(4096).optional(),
  expert_used_count: count.optional(),
  expert_feed_forward_length: count.optional(),
});

const tokenId = z.number().int().nonnegative();
const tokenSchema = z.object({
  "tokenizer.ggml.bos_token_id": tokenId.optional(),
  "tokenizer.ggml.eos_token_id": tokenId.optional(),
  /** End of a turn, where it is not the end of a text. */
  "tokenizer.ggml.eot_token_id": tokenId.optional(),
  "tokenizer.ggml.eom_token_id": tokenId.optional(),
});

/** What config.json would say of the model in a GGUF file. Throws `model_load_failed`. */
export async function configJson(file: GgufFile): Promise<Record<string, unknown>> {
  const { huggingFace, gemma, fused, normalizesExperts } = architectureOf(file);
  const values = modelValues(file);
  const tokens = parse(tokenSchema, Object.fromEntries(file.metadata), file.name);
  const embedding = file.tensors.get("token_embd.weight");
  if (embedding === undefined) throw modelError(`${file.name} has no tensor token_embd.weight.`);
  refuseSplit(file);
  const headDim = values["attention.key_length"] ?? values.embedding_length / values["attention.head_count"];
  const ends = ["eos", "eot", "eom"] as const;
  const theta = shortest(values["rope.freq_base"] ?? 10_000);
  return {
    architectures: [huggingFace],
    vocab_size: embedding.shape[0],
    hidden_size: values.embedding_length,
    intermediate_size: values.feed_forward_length,
    num_hidden_layers: values.block_count,
    num_attention_heads: values["attention.head_count"],
    num_key_value_heads: values["attention.head_count_kv"] ?? values["attention.head_count"],
    head_dim: headDim,
    max_position_embeddings: values.context_length,
    rms_norm_eps: shortest(values["attention.layer_norm_rms_epsilon"]),
    rope_theta: theta,
    rope_scaling: (await llama3Scaling(file, theta)) ?? (await longropeScaling(file, values)) ?? ropeScaling(values),
    attention_bias: file.tensors.has("blk.0.attn_output.bias"),
    mlp_bias: file.tensors.has("blk.0.ffn_down.bias"),
    tie_word_embeddings: !file.tensors.has("output.weight"),
    ...(gemma === undefined ? {} : gemmaJson(values, headDim, gemma)),
    ...(fused === true ? phiJson(values, headDim) : {}),
    ...(normalizesExperts === undefined ? {} : expertsJson(file, values, normalizesExperts)),
    eos_token_id: [...new Set(ends.map((end) => tokens[`tokenizer.ggml.${end}_token_id`]))].filter(
      (id) => id !== undefined,
    ),
  };
}

function gemmaJson(values: z.infer<typeof schema>, headDim: number, gemma: Gemma): Record<string, unknown> {
  const isLargest = values.block_count === gemma.largestLayers;
  return {
    query_pre_attn_scalar: isLargest ? values.embedding_length / values["attention.head_count"] : headDim,
    sliding_window: values["attention.sliding_window"] || undefined,
    attn_logit_softcapping: values.attn_logit_softcapping,
    final_logit_softcapping: values.final_logit_softcapping,
  };
}

function phiJson(values: z.infer<typeof schema>, headDim: number): Record<string, unknown> {
  return {
    sliding_window: values["attention.sliding_window"] || null,
    original_max_position_embeddings: values["rope.scaling.original_context_length"] ?? values.context_length,
    partial_rotary_factor: (values["rope.dimension_count"] ?? headDim) / headDim,
  };
}

function expertsJson(file: GgufFile, values: z.infer<typeof schema>, normalized: boolean): Record<string, unknown> {
  const layers = Array.from({ length: values.block_count }, (_, layer) => layer);
  return {
    num_experts: values.expert_count,
    num_experts_per_tok: values.expert_used_count,
    moe_intermediate_size: values.expert_feed_forward_length,
    norm_topk_prob: normalized,
    mlp_only_layers: layers.filter((layer) => !file.tensors.has(`blk.${layer}.ffn_gate_inp.weight`)),
  };
}

function refuseSplit({ metadata, name }: Described): void {
  const parts = metadata.get("split.count");
  if (typeof parts === "number" && parts > 1) {
    throw modelError(`${name} is one of ${parts} parts of a model. Join them with llama-gguf-split --merge.`);
  }
}

/** Query heads, and those of keys and values. */
export function headCounts(file: Described): { heads: number; kvHeads: number } {
  const values = modelValues(file);
  const heads = values["attention.head_count"];
  return { heads, kvHeads: values["attention.head_count_kv"] ?? heads };
}

function modelValues(file: Described) {
  const start = `${architectureOf(file).prefix}.`;
  const pairs = [...file.metadata].filter(([key]) => key.startsWith(start));
  return parse(schema, Object.fromEntries(pairs.map(([key, value]) => [key.slice(start.length), value])), file.name);
}

function parse<T extends z.ZodType>(shape: T, values: object, name: string): z.infer<T> {
  const parsed = shape.safeParse(values);
  if (!parsed.success) throw modelError(`The metadata of ${name}: ${z.prettifyError(parsed.error)}`, parsed.error);
  return parsed.data;
}

/** LongRoPE's factors are tensors, and no key says that it is LongRoPE. */
async function longropeScaling(
  file: GgufFile,
  values: z.infer<typeof schema>,
): Promise<Record<string, unknown> | undefined> {
  const factors = await longropeFactors(file);
  if (factors === undefined) return undefined;
  return {
    rope_type: "longrope",
    ...factors,
    attention_factor: values["rope.scaling.attn_factor"],
    original_max_position_embeddings: values["rope.scaling.original_context_length"],
  };
}

function ropeScaling(values: z.infer<typeof schema>): Record<string, unknown> | null {
  const type = values["rope.scaling.type"];
  if (type === "none") return null;
  return {
    rope_type: type,
    factor: shortest(values["rope.scaling.factor"] ?? 1),
    original_max_position_embeddings: values["rope.scaling.original_context_length"],
  };
}

/** The shortest decimal number that float32 rounds to this one: 0.00001 was meant by 0.000009999999747. */
function shortest(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === Math.fround(value) ? short : value;
}
