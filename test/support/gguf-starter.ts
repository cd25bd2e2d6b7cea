import { z } from "zod";
import { openSafetensors } from "../../node-agent/model/safetensors.ts";
import type { TensorSource } from "../../node-agent/model/tensor-source.ts";
import { readStarterJson, STARTER } from "./engine-starter.ts";
import type { TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";
import { encodeWeights } from "./gguf-encode.ts";
import { interleave } from "./gguf-interleave.ts";
import { encodeGguf, type GgufTensorToWrite, type ValueToWrite } from "./gguf-writer.ts";

const PARTS: [ggufName: string, huggingFaceName: string][] = [
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
];
const LAYERS = 6;
const HEADS: Readonly<Record<string, number>> = { attn_q: 4, attn_k: 2 };

/** The starter as llama.cpp's converter would write it: matrices of a type, the embedding at least in 8 bits, vectors in float32. */
export async function starterGguf(type: TensorTypeName): Promise<Uint8Array> {
  const source = await openSafetensors(STARTER);
  const embedding = type === "Q4_0" ? "Q8_0" : type;
  const tensors = [await convert(source, "token_embd.weight", "model.embed_tokens.weight", embedding)];
  tensors.push(await convert(source, "output_norm.weight", "model.norm.weight", "F32"));
  for (let layer = 0; layer < LAYERS; layer++) {
    for (const [part, name] of PARTS) {
      const to = `blk.${layer}.${part}.weight`;
      const precision = part.endsWith("norm") ? "F32" : type;
      tensors.push(await convert(source, to, `model.layers.${layer}.${name}.weight`, precision, HEADS[part]));
    }
  }
  await source.close();
  return encodeGguf({ metadata: { ...MODEL, ...(await tokenizerMetadata()) }, tensors });
}

async function convert(
  source: TensorSource,
  name: string,
  from: string,
  type: TensorTypeName,
  heads?: number,
): Promise<GgufTensorToWrite> {
  const entry = source.tensors.get(from);
  if (entry === undefined) throw new Error(`The starter has no ${from}.`);
  const values = await source.read(from, 0, entry.elements);
  const ordered = heads === undefined ? values : interleave(values, entry.shape[0] ?? 0, heads);
  return { name, type, shape: entry.shape, data: encodeWeights(type, ordered) };
}

const MODEL: Record<string, ValueToWrite> = {
  "general.architecture": { text: "llama" },
  "general.name": { text: "starter" },
  "general.sampling.temp": { f32: 0 },
  "llama.block_count": { u32: LAYERS },
  "llama.context_length": { u32: 1024 },
  "llama.embedding_length": { u32: 256 },
  "llama.feed_forward_length": { u32: 704 },
  "llama.attention.head_count": { u32: 4 },
  "llama.attention.head_count_kv": { u32: 2 },
  "llama.attention.key_length": { u32: 64 },
  "llama.attention.value_length": { u32: 64 },
  "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
  "llama.rope.dimension_count": { u32: 64 },
  "llama.rope.freq_base": { f32: 10_000 },
  "llama.vocab_size": { u32: 4096 },
};

const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.number(), content: z.string(), special: z.boolean() })),
  model: z.object({
    vocab: z.record(z.string(), z.number()),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

/** The starter's tokenizer and template as metadata. */
export async function tokenizerMetadata(): Promise<Record<string, ValueToWrite>> {
  const { added_tokens: added, model } = tokenizerSchema.parse(await readStarterJson("tokenizer.json"));
  const config = z.object({ chat_template: z.string() }).parse(await readStarterJson("tokenizer_config.json"));
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(model.vocab)) tokens[id] = token;
  const types = tokens.map(() => 1);
  for (const { id, content, special } of added) {
    tokens[id] = content;
    types[id] = special ? 3 : 4;
  }
  return {
    "tokenizer.ggml.model": { text: "gpt2" },
    "tokenizer.ggml.pre": { text: "gpt-2" },
    "tokenizer.ggml.tokens": { texts: tokens },
    "tokenizer.ggml.token_type": { i32s: types },
    "tokenizer.ggml.merges": {
      texts: model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" "))),
    },
    "tokenizer.ggml.eos_token_id": { u32: 4091 },
    "tokenizer.ggml.eot_token_id": { u32: 4089 },
    "tokenizer.ggml.padding_token_id": { u32: 4089 },
    "tokenizer.ggml.add_bos_token": { bool: false },
    "tokenizer.chat_template": { text: config.chat_template },
  };
}
