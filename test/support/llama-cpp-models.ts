import { TINY_MODELS, type TinyModel } from "./model-tiny.ts";

/**
 * The tiny models as llama.cpp can run them, by their names: rows of 256 weights, which the largest blocks need, and constants that no key
 * of a GGUF file states but llama.cpp assumes for an architecture. Of seven layers, the sixth of a Gemma 3 is a global one.
 */
const CONSTANTS: Readonly<Record<string, Partial<TinyModel["config"]>>> = {
  Llama: {},
  "Llama 3.1 (scaled rope)": {
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    },
  },
  "Llama, linear rope": {},
  "Llama with biases": {},
  "Qwen2.5": {},
  "Qwen2.5, YaRN": {},
  Qwen3: {},
  "Qwen3-MoE": { moe_intermediate_size: 256, num_experts: 4, num_experts_per_tok: 2 },
  // llama.cpp knows no window of Mistral's and leaves that of Phi-3 out: one that is wider than any text here.
  Mistral: { sliding_window: 4096 },
  SmolLM3: { no_rope_layers: [1, 1, 1, 0, 1], num_hidden_layers: 5 },
  "Phi-3": { sliding_window: 4096 },
  "Phi-4-mini": {},
  "Gemma 2": { query_pre_attn_scalar: 16, num_hidden_layers: 4 },
  "Gemma 3": {
    query_pre_attn_scalar: 16,
    num_hidden_layers: 7,
    rope_local_base_freq: 10_000,
    sliding_window_pattern: 6,
  },
};

const WIDTH = 256;

function widened(model: TinyModel, constants: Partial<TinyModel["config"]>): TinyModel {
  const heads = WIDTH / model.config.head_dim;
  const shape = {
    hidden_size: WIDTH,
    intermediate_size: WIDTH,
    num_attention_heads: heads,
    num_key_value_heads: heads / 2,
  };
  return { ...model, config: { ...model.config, ...shape, ...constants } };
}

/** Where every token takes all experts, rounding cannot make it take others. */
const ALL_EXPERTS = { ...CONSTANTS["Qwen3-MoE"], num_experts_per_tok: 4 };

/** Models that are compared with llama.cpp. */
export const COMPARED_MODELS: ReadonlyMap<string, TinyModel> = new Map([
  ...Object.entries(CONSTANTS).map(([name, constants]) => [name, widened(tiny(name), constants)] as const),
  ["Qwen3-MoE, all experts", widened(tiny("Qwen3-MoE"), ALL_EXPERTS)],
]);

function tiny(name: string): TinyModel {
  const model = TINY_MODELS[name];
  if (model === undefined) throw new Error(`There is no tiny ${name}.`);
  return model;
}
