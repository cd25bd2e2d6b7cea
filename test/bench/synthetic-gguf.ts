import { writeFile } from "node:fs/promises";
import { TENSOR_TYPES } from "../../node-agent/model/gguf/tensor-types.ts";
import { encodeGguf, type GgufTensorToWrite, type ValueToWrite } from "../support/gguf-writer.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { toHalf } from "../support/half.ts";
import { RMS_NORM_EPS, ROPE_THETA, type SyntheticShape, tensorShapes } from "./synthetic-model.ts";

/** What llama.cpp's own `llama-quantize` makes of such a model: Q4_0 keeps the output layer in Q6_K. */
export type SyntheticGguf = "Q4_0" | "Q8_0";

const GGUF_NAMES: Readonly<Record<string, string>> = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
};

/** Writes a GGUF file of the same shape as the synthetic folder, with random blocks: for speed and memory, which do not depend on values. */
export async function writeSyntheticGguf(path: string, shape: SyntheticShape, type: SyntheticGguf): Promise<void> {
  const tensors = tensorShapes(shape).map(([name, dims], index): GgufTensorToWrite => {
    if (dims.length === 1) {
      return { name: rename(name), type: "F32", shape: dims, data: bytesOf(new Float32Array(dims[0] ?? 0).fill(1)) };
    }
    // A tied embedding is read in full as the output layer, so it is held like one.
    const isOutput = name === "lm_head.weight" || (shape.tie_word_embeddings && name.startsWith("model.embed"));
    const held = type === "Q4_0" && isOutput ? outputType(dims) : type;
    return { name: rename(name), type: held, shape: dims, data: randomBlocks(held, dims, index + 1) };
  });
  await writeFile(path, encodeGguf({ metadata: metadataOf(shape), tensors }));
}

/** Q6_K has blocks of 256 weights; where rows are no multiple of that, llama-quantize takes Q8_0. */
function outputType([, columns = 0]: readonly number[]): "Q6_K" | "Q8_0" {
  return columns % TENSOR_TYPES.Q6_K.elements === 0 ? "Q6_K" : "Q8_0";
}

function rename(name: string): string {
  if (name === "model.embed_tokens.weight") return "token_embd.weight";
  if (name === "model.norm.weight") return "output_norm.weight";
  if (name === "lm_head.weight") return "output.weight";
  const [, layer, part = ""] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  return `blk.${layer}.${GGUF_NAMES[part]}.weight`;
}

/** Random weights around 1 / sqrt(columns), as blocks with a scale in half precision. */
function randomBlocks(type: "Q4_0" | "Q8_0" | "Q6_K", dims: readonly number[], seed: number): Uint8Array {
  const [rows = 0, columns = 0] = dims;
  const { elements, bytes } = TENSOR_TYPES[type];
  const blocks = (rows * columns) / elements;
  const data = new Uint8Array(blocks * bytes);
  const words = new Uint32Array(data.buffer, 0, Math.floor(data.length / 4));
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  const levels = type === "Q4_0" ? 8 : type === "Q8_0" ? 127 : 32 * 64;
  const scale = toHalf(1 / Math.sqrt(columns) / levels);
  // Q6_K has its scale at the end of the block, the others at the start.
  const at = type === "Q6_K" ? bytes - 2 : 0;
  for (let block = 0; block < blocks; block++) {
    data[block * bytes + at] = scale & 255;
    data[block * bytes + at + 1] = scale >> 8;
  }
  return data;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer);
}

function metadataOf(shape: SyntheticShape): Record<string, ValueToWrite> {
  const random = seededRandom(1);
  // SentencePiece's own tokens and one for each byte come first: llama.cpp looks them up.
  const special = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = Array.from({ length: shape.vocab_size - special.length - bytes.length }, (_, i) => `t${i}`);
  const tokens = [...special, ...bytes, ...words];
  return {
    "general.architecture": { text: "llama" },
    "general.name": { text: "synthetic" },
    "llama.block_count": { u32: shape.num_hidden_layers },
    "llama.context_length": { u32: shape.max_position_embeddings },
    "llama.embedding_length": { u32: shape.hidden_size },
    "llama.feed_forward_length": { u32: shape.intermediate_size },
    "llama.attention.head_count": { u32: shape.num_attention_heads },
    "llama.attention.head_count_kv": { u32: shape.num_key_value_heads },
    "llama.attention.layer_norm_rms_epsilon": { f32: RMS_NORM_EPS },
    "llama.rope.dimension_count": { u32: shape.head_dim },
    "llama.rope.freq_base": { f32: ROPE_THETA },
    "llama.vocab_size": { u32: shape.vocab_size },
    "tokenizer.ggml.model": { text: "llama" },
    "tokenizer.ggml.tokens": { texts: tokens },
    "tokenizer.ggml.scores": { f32s: tokens.map(() => -random()) },
    "tokenizer.ggml.token_type": { i32s: [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)] },
    "tokenizer.ggml.bos_token_id": { u32: 1 },
    "tokenizer.ggml.eos_token_id": { u32: 2 },
    "tokenizer.ggml.add_bos_token": { bool: false },
  };
}
