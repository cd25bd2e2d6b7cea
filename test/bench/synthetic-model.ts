import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TensorToWrite, writeSafetensors } from "../support/model-safetensors.ts";

/** Sizes of a Llama, as config.json names them. */
export interface SyntheticShape {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  max_position_embeddings: number;
  tie_word_embeddings: boolean;
}

/** The shapes of TinyLlama 1.1B and of SmolLM2 135M. */
export const SHAPES = {
  "1.1B": {
    vocab_size: 32_000,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    head_dim: 64,
    max_position_embeddings: 2048,
    tie_word_embeddings: false,
  },
  "135M": {
    vocab_size: 49_152,
    hidden_size: 576,
    intermediate_size: 1536,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    head_dim: 64,
    max_position_embeddings: 2048,
    tie_word_embeddings: true,
  },
} as const satisfies Record<string, SyntheticShape>;

export const RMS_NORM_EPS = 1e-5;
export const ROPE_THETA = 10_000;

/**
 * Writes a Llama of pseudo-random bfloat16 weights (2.2 GB for 1.1 billion) as a model folder. They differ in every tensor: ONNX Runtime keeps
 * equal initializers once, and a model of equal layers would then run from cache. Returns the number of weights.
 */
export async function writeSyntheticModel(folder: string, shape: SyntheticShape = SHAPES["1.1B"]): Promise<number> {
  await mkdir(folder, { recursive: true });
  const constants = { rms_norm_eps: RMS_NORM_EPS, rope_theta: ROPE_THETA };
  await writeFile(
    join(folder, "config.json"),
    JSON.stringify({ architectures: ["LlamaForCausalLM"], ...shape, ...constants }),
  );
  const shapes = tensorShapes(shape);
  const tensors = shapes.map(([name, dims], index): TensorToWrite => {
    const norm = dims.length === 1;
    const random = norm ? ones : uniform(index + 1, 1 / Math.sqrt(dims[1] ?? 1));
    return { name, dtype: "BF16", shape: dims, bytes: (_, count) => random(count) };
  });
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return shapes.reduce((sum, [, dims]) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
}

/** Every tensor of such a model by its Hugging Face name, with its shape: [rows, columns], or [length] for the gain of a norm. */
export function tensorShapes(shape: SyntheticShape): [name: string, dims: number[]][] {
  const { hidden_size: hidden, intermediate_size: ffn, vocab_size: vocab, head_dim: headDim } = shape;
  const q = shape.num_attention_heads * headDim;
  const kv = shape.num_key_value_heads * headDim;
  const layers = Array.from({ length: shape.num_hidden_layers }, (_, layer) => {
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
    ...(shape.tie_word_embeddings ? [] : ([["lm_head.weight", [vocab, hidden]]] satisfies [string, number[]][])),
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
