import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { floatTensor, type TensorToWrite, writeSafetensors } from "./model-safetensors.ts";

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
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 5000,
  tie_word_embeddings: false,
};

/** Its tensors with pseudo-random weights, the same for the same `seed`. */
export function tinyWeights(seed: number): Map<string, { shape: number[]; values: Float32Array }> {
  const random = generator(seed);
  const { hidden_size: hidden, intermediate_size: ffn, vocab_size: vocab } = TINY_CONFIG;
  const q = TINY_CONFIG.num_attention_heads * TINY_CONFIG.head_dim;
  const kv = TINY_CONFIG.num_key_value_heads * TINY_CONFIG.head_dim;
  const tensors = new Map<string, { shape: number[]; values: Float32Array }>();
  const matrix = (name: string, rows: number, columns: number) => {
    const values = Float32Array.from({ length: rows * columns }, () => (random() - 0.5) * (4 / Math.sqrt(columns)));
    tensors.set(`${name}.weight`, { shape: [rows, columns], values });
  };
  const gain = (name: string) => {
    tensors.set(`${name}.weight`, {
      shape: [hidden],
      values: Float32Array.from({ length: hidden }, () => 0.5 + random()),
    });
  };
  matrix("model.embed_tokens", vocab, hidden);
  for (let layer = 0; layer < TINY_CONFIG.num_hidden_layers; layer++) {
    const from = `model.layers.${layer}`;
    gain(`${from}.input_layernorm`);
    matrix(`${from}.self_attn.q_proj`, q, hidden);
    matrix(`${from}.self_attn.k_proj`, kv, hidden);
    matrix(`${from}.self_attn.v_proj`, kv, hidden);
    matrix(`${from}.self_attn.o_proj`, hidden, q);
    gain(`${from}.post_attention_layernorm`);
    matrix(`${from}.mlp.gate_proj`, ffn, hidden);
    matrix(`${from}.mlp.up_proj`, ffn, hidden);
    matrix(`${from}.mlp.down_proj`, hidden, ffn);
  }
  gain("model.norm");
  matrix("lm_head", vocab, hidden);
  return tensors;
}

/** Writes a tiny Llama as a model folder; `change` may spoil it. */
export async function writeTinyLlama(
  folder: string,
  seed = 1,
  change: { config?: Record<string, unknown>; tensors?: (tensors: TensorToWrite[]) => TensorToWrite[] } = {},
): Promise<void> {
  const tensors = [...tinyWeights(seed)].map(([name, { shape, values }]) => floatTensor(name, shape, values));
  await writeSafetensors(join(folder, "model.safetensors"), change.tensors?.(tensors) ?? tensors);
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...TINY_CONFIG, ...change.config }));
  await writeFile(join(folder, "tokenizer.json"), "{}");
}

/** Mulberry32: a small generator, good enough for weights. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}
