import { encodeWeights } from "./gguf-encode.ts";
import { interleave } from "./gguf-interleave.ts";
import type { TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";
import type { GgufToWrite, GgufTensorToWrite, ValueToWrite } from "./gguf-writer.ts";
import { slowRope } from "./model-slow-rope.ts";
import { type TinyModel, tinyTensors } from "./model-tiny.ts";

/** `general.architecture` of the tiny models that can be written. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  LlamaForCausalLM: "llama",
  MistralForCausalLM: "llama",
  Qwen2ForCausalLM: "qwen2",
  Qwen3ForCausalLM: "qwen3",
  Qwen3MoeForCausalLM: "qwen3moe",
  Phi3ForCausalLM: "phi3",
  SmolLM3ForCausalLM: "smollm3",
  Gemma2ForCausalLM: "gemma2",
  Gemma3ForCausalLM: "gemma3",
};

const INTERLEAVED: ReadonlySet<string> = new Set(["llama", "smollm3"]);

const NAMES: [huggingFace: RegExp, gguf: string][] = [
  [/^model\.layers\.(\d+)\./u, "blk.$1."],
  [/^model\.embed_tokens\./u, "token_embd."],
  [/^model\.norm\./u, "output_norm."],
  [/^lm_head\./u, "output."],
  [/\.input_layernorm\./u, ".attn_norm."],
  [/\.post_attention_layernorm\./u, ".ffn_norm."],
  [/\.self_attn\.o_proj\./u, ".attn_output."],
  [/\.self_attn\.([qkv])_proj\./u, ".attn_$1."],
  [/\.self_attn\.([qk])_norm\./u, ".attn_$1_norm."],
  [/\.self_attn\.qkv_proj\./u, ".attn_qkv."],
  [/\.mlp\.gate_up_proj\./u, ".ffn_up."],
  [/\.mlp\.gate\./u, ".ffn_gate_inp."],
  [/\.mlp\.experts\.\d+\.(gate|up|down)_proj\./u, ".ffn_$1_exps."],
  [/\.mlp\.(gate|up|down)_proj\./u, ".ffn_$1."],
];

const GEMMA_NAMES: typeof NAMES = [
  [/\.post_attention_layernorm\./u, ".post_attention_norm."],
  [/\.pre_feedforward_layernorm\./u, ".ffn_norm."],
  [/\.post_feedforward_layernorm\./u, ".post_ffw_norm."],
];

/**
 * A tiny model with the weights that `writeTinyModel` gives it, as llama.cpp's converter would write it: matrices of a type, vectors in
 * float32.
 */
export function tinyModelGguf(model: TinyModel, seed = 1, type: TensorTypeName = "F32"): GgufToWrite {
  const { config } = model;
  const architecture = ARCHITECTURES[config.architectures[0] ?? ""];
  if (architecture === undefined) throw new Error(`${config.architectures[0]} cannot be written as GGUF.`);
  const heads: Record<string, number> = { q: config.num_attention_heads, k: config.num_key_value_heads };
  const tensors = stackExperts(tinyTensors(model, seed)).map(([name, { shape, values }]): GgufTensorToWrite => {
    const gemma = architecture.startsWith("gemma");
    const to = [...(gemma ? GEMMA_NAMES : []), ...NAMES].reduce(
      (result, [from, into]) => result.replace(from, into),
      name,
    );
    const rotated = INTERLEAVED.has(architecture) ? heads[/\.attn_([qk])\./u.exec(to)?.[1] ?? ""] : undefined;
    const ordered = rotated === undefined ? values : interleave(values, shape[0] ?? 0, rotated);
    const whole = gemma && to.endsWith("norm.weight") ? ordered.map((gain) => gain + 1) : ordered;
    // The router is small and its choices turn on little: converters leave it as it is.
    const precision = shape.length === 1 || to.includes("ffn_gate_inp") ? "F32" : type;
    return { name: to, type: precision, shape, data: encodeWeights(precision, whole) };
  });
  tensors.push(...ropeTable(model), ...longropeTables(model));
  return { metadata: { ...metadataOf(architecture, model), ...scalingOf(architecture, model) }, tensors };
}

function metadataOf(architecture: string, { config }: TinyModel): Record<string, ValueToWrite> {
  const tokens = Array.from({ length: config.vocab_size }, (_, id) => `token${id}`);
  return {
    "general.architecture": { text: architecture },
    [`${architecture}.block_count`]: { u32: config.num_hidden_layers },
    [`${architecture}.context_length`]: { u32: config.max_position_embeddings },
    [`${architecture}.embedding_length`]: { u32: config.hidden_size },
    [`${architecture}.feed_forward_length`]: { u32: config.intermediate_size },
    [`${architecture}.attention.head_count`]: { u32: config.num_attention_heads },
    [`${architecture}.attention.head_count_kv`]: { u32: config.num_key_value_heads },
    [`${architecture}.attention.key_length`]: { u32: config.head_dim },
    [`${architecture}.attention.value_length`]: { u32: config.head_dim },
    [`${architecture}.attention.layer_norm_rms_epsilon`]: { f32: config.rms_norm_eps },
    [`${architecture}.rope.dimension_count`]: { u32: config.head_dim * (config.partial_rotary_factor ?? 1) },
    [`${architecture}.rope.freq_base`]: { f32: config.rope_theta ?? 10_000 },
    ...gemmaMetadata(architecture, config),
    ...expertMetadata(architecture, config),
    "tokenizer.ggml.model": { text: "gpt2" },
    "tokenizer.ggml.pre": { text: "gpt-2" },
    "tokenizer.ggml.tokens": { texts: tokens },
    "tokenizer.ggml.token_type": { i32s: tokens.map(() => 1) },
    "tokenizer.ggml.merges": { texts: ["t o"] },
  };
}

function gemmaMetadata(architecture: string, config: TinyModel["config"]): Record<string, ValueToWrite> {
  const keys = {
    attn_logit_softcapping: config.attn_logit_softcapping,
    final_logit_softcapping: config.final_logit_softcapping,
  };
  const given = Object.entries(keys).filter(([, value]) => value != null);
  const window = config.sliding_window ?? 0;
  return {
    ...(window > 0 ? { [`${architecture}.attention.sliding_window`]: { u32: window } } : {}),
    ...Object.fromEntries(given.map(([key, value]) => [`${architecture}.${key}`, { f32: Number(value) }])),
  };
}

function expertMetadata(architecture: string, config: TinyModel["config"]): Record<string, ValueToWrite> {
  const { num_experts: count, num_experts_per_tok: used = 0, moe_intermediate_size: width = 0 } = config;
  if (count === undefined) return {};
  return {
    [`${architecture}.expert_count`]: { u32: count },
    [`${architecture}.expert_used_count`]: { u32: used },
    [`${architecture}.expert_feed_forward_length`]: { u32: width },
  };
}

type Tensors = ReturnType<typeof tinyTensors>;

/** Matrices of the experts of a layer become one tensor, under the name of the first. */
function stackExperts(tensors: Tensors): [string, { shape: number[]; values: Float32Array }][] {
  const groups = Map.groupBy(tensors, ([name]) => name.replace(/\.experts\.\d+\./u, ".experts.0."));
  return [...groups].map(([name, members]) => {
    const [[, first] = [undefined, undefined]] = members;
    if (first === undefined || !name.includes(".experts."))
      return [name, first ?? { shape: [], values: new Float32Array() }];
    const values = Float32Array.from(members.flatMap(([, { values: own }]) => [...own]));
    return [name, { shape: [members.length, ...first.shape], values }];
  });
}

/** LongRoPE's factors are two tensors. */
function longropeTables({ config }: TinyModel): GgufTensorToWrite[] {
  const { rope_scaling: scaling } = config;
  if (scaling?.["rope_type"] !== "longrope") return [];
  return (["short", "long"] as const).map((kind) => {
    const factors = scaling[`${kind}_factor`];
    if (!Array.isArray(factors)) throw new TypeError(`There are no ${kind} factors.`);
    const values = Float32Array.from(factors, Number);
    return {
      name: `rope_factors_${kind}.weight`,
      type: "F32",
      shape: [values.length],
      data: encodeWeights("F32", values),
    };
  });
}

/** A stretched rotary embedding, linear or YaRN. */
function scalingOf(architecture: string, { config }: TinyModel): Record<string, ValueToWrite> {
  const scaling: Readonly<Record<string, unknown>> | undefined | null = config.rope_scaling;
  if (scaling?.["rope_type"] === "longrope") {
    const { max_position_embeddings: positions, original_max_position_embeddings: original = positions } = config;
    const attention = Math.sqrt(1 + Math.log(positions / original) / Math.log(original));
    return {
      [`${architecture}.rope.scaling.original_context_length`]: { u32: original },
      [`${architecture}.rope.scaling.attn_factor`]: { f32: attention },
    };
  }
  if (scaling == null || scaling["rope_type"] === "llama3") return {};
  return {
    [`${architecture}.rope.scaling.type`]: { text: String(scaling["rope_type"] ?? scaling["type"]) },
    [`${architecture}.rope.scaling.factor`]: { f32: Number(scaling["factor"]) },
    [`${architecture}.rope.scaling.original_context_length`]: {
      u32: Number(scaling["original_max_position_embeddings"] ?? config.max_position_embeddings),
    },
  };
}

/** Llama 3's scaling is no key but a table: what each pair's frequency is divided by. */
function ropeTable({ config }: TinyModel): GgufTensorToWrite[] {
  if (config.rope_scaling?.["rope_type"] !== "llama3") return [];
  const scaled = slowRope(config, config.rope_theta, config.head_dim).angles;
  const unscaled = slowRope({ ...config, rope_scaling: {} }, config.rope_theta, config.head_dim).angles;
  const divisors = Float32Array.from(unscaled, (angle, pair) => angle / (scaled[pair] ?? Number.NaN));
  return [{ name: "rope_freqs.weight", type: "F32", shape: [divisors.length], data: encodeWeights("F32", divisors) }];
}
