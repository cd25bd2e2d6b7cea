import { encodeWeights } from "./gguf-encode.ts";
import { type GgufToWrite, type GgufTensorToWrite, type ValueToWrite } from "./gguf-writer.ts";

const HIDDEN = 32;
const TOKENS = ["a", "b", "ab", "c", "Ġ", "<|end|>"];

const METADATA: Record<string, ValueToWrite> = {
  "general.architecture": { text: "llama" },
  "llama.block_count": { u32: 1 },
  "llama.context_length": { u32: 64 },
  "llama.embedding_length": { u32: HIDDEN },
  "llama.feed_forward_length": { u32: 64 },
  "llama.attention.head_count": { u32: 2 },
  "llama.attention.head_count_kv": { u32: 1 },
  "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
  "llama.rope.freq_base": { f32: 500_000 },
  "tokenizer.ggml.model": { text: "gpt2" },
  "tokenizer.ggml.pre": { text: "llama-bpe" },
  "tokenizer.ggml.tokens": { texts: TOKENS },
  "tokenizer.ggml.token_type": { i32s: [1, 1, 1, 1, 1, 3] },
  "tokenizer.ggml.merges": { texts: ["a b"] },
  "tokenizer.ggml.eos_token_id": { u32: 5 },
  "tokenizer.chat_template": { text: "{% for m in messages %}{{ m.content }}{% endfor %}" },
};

function weights(name: string, shape: readonly number[]): GgufTensorToWrite {
  const elements = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: elements }, (_, i) => Math.sin(i + name.length) / 8);
  const type = shape.length === 1 ? "F32" : "Q8_0";
  return { name, type, shape, data: encodeWeights(type, values) };
}

/** A whole model of one layer, in 20 kilobytes. `metadata` goes before what it has. */
export function tinyGguf(metadata: Record<string, ValueToWrite> = {}): GgufToWrite {
  const tensors = [
    weights("token_embd.weight", [TOKENS.length, HIDDEN]),
    weights("output_norm.weight", [HIDDEN]),
    weights("blk.0.attn_norm.weight", [HIDDEN]),
    weights("blk.0.attn_q.weight", [HIDDEN, HIDDEN]),
    weights("blk.0.attn_k.weight", [HIDDEN / 2, HIDDEN]),
    weights("blk.0.attn_v.weight", [HIDDEN / 2, HIDDEN]),
    weights("blk.0.attn_output.weight", [HIDDEN, HIDDEN]),
    weights("blk.0.ffn_norm.weight", [HIDDEN]),
    weights("blk.0.ffn_gate.weight", [64, HIDDEN]),
    weights("blk.0.ffn_up.weight", [64, HIDDEN]),
    weights("blk.0.ffn_down.weight", [HIDDEN, 64]),
  ];
  return { metadata: { ...METADATA, ...metadata }, tensors };
}
