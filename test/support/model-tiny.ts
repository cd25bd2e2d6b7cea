import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type FloatFormat, toFloat32 } from "../../node-agent/model/float-formats.ts";
import { encodeWeights } from "./gguf-encode.ts";
import { floatTensor, writeSafetensors } from "./model-safetensors.ts";
import type { SlowConfig } from "./model-slow-rope.ts";

/** The config.json of a Llama of a few thousand weights, with shapes that are no multiples of anything. */
export const TINY_CONFIG = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 101,
  hidden_size: 72,
  intermediate_size: 90,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 3,
  head_dim: 16,
  max_position_embeddings: 80,
  rms_norm_eps: 1e-5,
  rope_theta: 5000,
  tie_word_embeddings: false,
};

/** A tiny model: its config.json and what tensors its files have beyond a Llama's. */
export interface TinyModel {
  config: SlowConfig;
  biases?: readonly ("q_proj" | "k_proj" | "v_proj" | "o_proj" | "gate_proj" | "up_proj" | "down_proj")[];
  qkNorms?: boolean;
  sandwichNorms?: boolean;
  fused?: boolean;
  /** What its weights are numbers of, and how they are written; float32 if absent. */
  precision?: FloatFormat;
  /** The larger model it is written as a part of. */
  within?: { architecture: string; config: string; tensors: string };
}

const QKV = ["q_proj", "k_proj", "v_proj"] as const;
const gemma = {
  hidden_activation: "gelu_pytorch_tanh",
  query_pre_attn_scalar: 24,
  tie_word_embeddings: true,
  sliding_window: 5,
};
const named = (architecture: string, change: Partial<SlowConfig> & Record<string, unknown> = {}) => ({
  config: { ...TINY_CONFIG, architectures: [architecture], ...change },
});
const longrope = {
  rope_type: "longrope",
  short_factor: [1, 1.05, 1.1, 1.3, 1.7, 2, 2.5, 3],
  long_factor: [1, 1.2, 1.8, 3, 5, 9, 16, 20],
};

const gemma3: TinyModel = {
  ...named("Gemma3ForCausalLM", {
    ...gemma,
    rope_theta: 50_000,
    rope_local_base_freq: 300,
    rope_scaling: { rope_type: "linear", factor: 8 },
    sliding_window_pattern: 3,
  }),
  sandwichNorms: true,
  qkNorms: true,
};

/** One model for each thing that an architecture can have: caps and windows small enough to bite. */
export const TINY_MODELS: Readonly<Record<string, TinyModel>> = {
  Llama: named("LlamaForCausalLM"),
  "Llama 3.1 (scaled rope)": named("LlamaForCausalLM", {
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 40,
    },
  }),
  "Llama, linear rope": named("LlamaForCausalLM", { rope_scaling: { type: "linear", factor: 2.5 } }),
  "Llama with biases": {
    ...named("LlamaForCausalLM", { attention_bias: true, mlp_bias: true }),
    biases: [...QKV, "o_proj", "gate_proj", "up_proj", "down_proj"],
  },
  "Qwen2.5": { ...named("Qwen2ForCausalLM", { tie_word_embeddings: true }), biases: QKV },
  "Qwen2.5, YaRN": {
    ...named("Qwen2ForCausalLM", {
      rope_theta: 100,
      rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32 },
    }),
    biases: QKV,
  },
  "Qwen2.5, sliding": {
    ...named("Qwen2ForCausalLM", { use_sliding_window: true, sliding_window: 6, max_window_layers: 1 }),
    biases: QKV,
  },
  Qwen3: { ...named("Qwen3ForCausalLM", { tie_word_embeddings: true }), qkNorms: true },
  "Qwen3-MoE": {
    ...named("Qwen3MoeForCausalLM", {
      hidden_size: 96,
      num_experts: 8,
      num_experts_per_tok: 3,
      moe_intermediate_size: 32,
      norm_topk_prob: true,
    }),
    qkNorms: true,
  },
  "Qwen3-MoE, a dense layer, shares of all experts": {
    ...named("Qwen3MoeForCausalLM", {
      num_experts: 5,
      num_experts_per_tok: 2,
      moe_intermediate_size: 30,
      mlp_only_layers: [1],
    }),
    qkNorms: true,
  },
  Mistral: named("MistralForCausalLM", { sliding_window: 5 }),
  SmolLM3: named("SmolLM3ForCausalLM", { no_rope_layers: [1, 0, 1], tie_word_embeddings: true }),
  "Phi-3": { ...named("Phi3ForCausalLM", { sliding_window: 9 }), fused: true },
  "Phi-4-mini": {
    ...named("Phi3ForCausalLM", {
      head_dim: 32,
      partial_rotary_factor: 0.5,
      max_position_embeddings: 512,
      original_max_position_embeddings: 80,
      rope_scaling: longrope,
      tie_word_embeddings: true,
    }),
    fused: true,
  },
  "Gemma 2": {
    ...named("Gemma2ForCausalLM", { ...gemma, attn_logit_softcapping: 3, final_logit_softcapping: 4 }),
    sandwichNorms: true,
  },
  "Gemma 3": gemma3,
  "Gemma 3, the text part of 4B and up": {
    ...gemma3,
    within: { architecture: "Gemma3ForConditionalGeneration", config: "text_config", tensors: "language_model." },
  },
};

/** Its tensors with pseudo-random weights, the same for the same `seed`. */
export function tinyTensors(model: TinyModel, seed: number): Map<string, { shape: number[]; values: Float32Array }> {
  const random = pseudoRandom(seed);
  const { config } = model;
  const { hidden_size: hidden, intermediate_size: ffn, vocab_size: vocab, head_dim: dim } = config;
  const [q, kv] = [config.num_attention_heads * dim, config.num_key_value_heads * dim];
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  const add = (name: string, shape: number[], value: () => number) => {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, value);
    const { precision = "F32" } = model;
    tensors.set(name, { shape, values: precision === "F32" ? values : rounded(values, precision) });
  };
  const matrix = (name: string, rows: number, columns: number) => {
    add(`${name}.weight`, [rows, columns], () => (random() - 0.5) * (4 / Math.sqrt(columns)));
    const part = name.split(".").at(-1);
    if (model.biases?.some((biased) => biased === part)) add(`${name}.bias`, [rows], () => random() - 0.5);
  };
  const least = config.architectures[0]?.startsWith("Gemma") === true ? -0.5 : 0.5;
  const gain = (name: string, size = hidden) => add(`${name}.weight`, [size], () => least + random());
  matrix("model.embed_tokens", vocab, hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const from = `model.layers.${layer}`;
    gain(`${from}.input_layernorm`);
    if (model.fused) matrix(`${from}.self_attn.qkv_proj`, q + 2 * kv, hidden);
    else for (const [i, part] of QKV.entries()) matrix(`${from}.self_attn.${part}`, i === 0 ? q : kv, hidden);
    if (model.qkNorms) for (const part of ["q", "k"]) gain(`${from}.self_attn.${part}_norm`, dim);
    matrix(`${from}.self_attn.o_proj`, hidden, q);
    gain(`${from}.post_attention_layernorm`);
    if (model.sandwichNorms) for (const part of ["pre", "post"]) gain(`${from}.${part}_feedforward_layernorm`);
    const { num_experts: experts = 0, moe_intermediate_size: width = 0 } = config;
    if (experts > 0 && config.mlp_only_layers?.includes(layer) !== true) {
      matrix(`${from}.mlp.gate`, experts, hidden);
      for (let expert = 0; expert < experts; expert++) {
        const own = `${from}.mlp.experts.${expert}`;
        for (const part of ["gate", "up"]) matrix(`${own}.${part}_proj`, width, hidden);
        matrix(`${own}.down_proj`, hidden, width);
      }
      continue;
    }
    if (model.fused) matrix(`${from}.mlp.gate_up_proj`, 2 * ffn, hidden);
    else for (const part of ["gate", "up"]) matrix(`${from}.mlp.${part}_proj`, ffn, hidden);
    matrix(`${from}.mlp.down_proj`, hidden, ffn);
  }
  gain("model.norm");
  if (config.tie_word_embeddings !== true) matrix("lm_head", vocab, hidden);
  return tensors;
}

/** The architecture that its config.json names first. */
export function architectureOf({ within, config }: TinyModel): string {
  return within?.architecture ?? config.architectures[0] ?? "";
}

/** Writes a tiny model as a Hugging Face folder and returns its weights. */
export async function writeTinyModel(folder: string, model: TinyModel, seed = 1): Promise<Map<string, Float32Array>> {
  const tensors = tinyTensors(model, seed);
  const { within, config } = model;
  const prefix = within?.tensors ?? "";
  const { precision = "F32" } = model;
  const written = [...tensors].map(([name, { shape, values }]) =>
    floatTensor(`${prefix}${name}`, shape, values, precision),
  );
  await writeSafetensors(join(folder, "model.safetensors"), written);
  const { architectures: _, ...rest } = config;
  const json = within === undefined ? config : { architectures: [within.architecture], [within.config]: rest };
  await writeFile(join(folder, "config.json"), JSON.stringify(json));
  await writeFile(join(folder, "tokenizer.json"), "{}");
  return new Map([...tensors].map(([name, { values }]) => [name, values]));
}

function rounded(values: Float32Array, precision: FloatFormat): Float32Array {
  return toFloat32(encodeWeights(precision, values), precision);
}

/** Mulberry32: a small generator, good enough for weights. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
