import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TensorToWrite, writeSafetensors } from "../support/model-safetensors.ts";

/** The shape of TinyLlama 1.1B. */
const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 32_000,
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  head_dim: 64,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: false,
};

/**
 * Writes a Llama of 1.1 billion pseudo-random bfloat16 weights (2.2 GB) as a model folder. They differ in every tensor: ONNX Runtime keeps
 * equal initializers once, and a model of equal layers would then run from cache. Returns the number of weights.
 */
export async function writeSyntheticModel(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify(CONFIG));
  const shapes = tensorShapes();
  const tensors = shapes.map(([name, shape], index): TensorToWrite => {
    const norm = shape.length === 1;
    const random = norm ? ones : uniform(index + 1, 1 / Math.sqrt(shape[1] ?? 1));
    return { name, dtype: "BF16", shape, bytes: (_, count) => random(count) };
  });
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return shapes.reduce((sum, [, shape]) => sum + shape.reduce((product, dim) => product * dim, 1), 0);
}

function tensorShapes(): [string, number[]][] {
  const { hidden_size: hidden, intermediate_size: ffn, vocab_size: vocab, head_dim: headDim } = CONFIG;
  const q = CONFIG.num_attention_heads * headDim;
  const kv = CONFIG.num_key_value_heads * headDim;
  const layers = Array.from({ length: CONFIG.num_hidden_layers }, (_, layer) => {
    const from = `model.layers.${layer}`;
    return [
      [`${from}.input_layernorm.weight`, [hidden]],
      [`${from}.self_attn.q_proj.weight`, [q, hidden]],
      [`${from}.self_attn.k_proj.weight`, [kv, hidden]],
      [`${from}.self_attn.v_proj.weight`, [kv, hidden]],
      [`${from}.self_attn.o_proj.weight`, [hidden, q]],
      [`${from}.post_attention_layernorm.weight`, [hidden]],
      [`${from}.mlp.gate_proj.weight`, [ffn, hidden]],
      [`${from}.mlp.up_proj.weight`, [ffn, hidden]],
      [`${from}.mlp.down_proj.weight`, [hidden, ffn]],
    ] satisfies [string, number[]][];
  });
  return [
    ["model.embed_tokens.weight", [vocab, hidden]],
    ...layers.flat(),
    ["model.norm.weight", [hidden]],
    ["lm_head.weight", [vocab, hidden]],
  ];
}

/** bfloat16 of 1, over and over. */
function ones(count: number): Uint8Array {
  return new Uint8Array(new Uint16Array(count).fill(0x3f80).buffer);
}

/** A stream of bfloat16 numbers, uniform in [-limit, limit): xorshift32, whose bits become the float's. */
function uniform(seed: number, limit: number): (count: number) => Uint8Array {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const scale = limit / 2 ** 31;
  return (count) => {
    const out = new Uint16Array(count);
    for (let i = 0; i < count; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      float[0] = state * scale;
      out[i] = (bits[0] ?? 0) >>> 16;
    }
    return new Uint8Array(out.buffer);
  };
}
