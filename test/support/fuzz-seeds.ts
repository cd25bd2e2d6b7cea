import type { Json } from "./fuzz-json.ts";
import { TINY_MODELS } from "./model-tiny.ts";

/** Small files of each kind that are as they should be; every part that a reader knows is in one of them. */

const added = (id: number, content: string, special: boolean) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special,
});

export const BYTE_LEVEL_TOKENIZER = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [added(5, "<|end|>", true), added(6, "<tool_call>", false)],
  normalizer: { type: "Sequence", normalizers: [{ type: "NFC" }, { type: "Lowercase" }] },
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      {
        type: "Split",
        pattern: { Regex: "\\p{N}{1,3}| ?\\p{L}+|\\s+(?!\\S)|\\s+" },
        behavior: "Isolated",
        invert: false,
      },
      { type: "Digits", individual_digits: true },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
  post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
  decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: "",
    end_of_word_suffix: "",
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: { a: 0, b: 1, ab: 2, c: 3, "\u0120": 4 },
    merges: [
      ["a", "b"],
      ["ab", "c"],
    ],
  },
} satisfies Json;

export const SENTENCE_PIECE_TOKENIZER = {
  version: "1.0",
  added_tokens: [added(0, "<unk>", true), added(1, "<s>", true), added(2, "</s>", true)],
  normalizer: {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "\u2581" },
      { type: "Replace", pattern: { String: " " }, content: "\u2581" },
    ],
  },
  pre_tokenizer: null,
  post_processor: {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
  },
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "\u2581" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    type: "BPE",
    unk_token: "<unk>",
    fuse_unk: true,
    byte_fallback: true,
    vocab: { "<unk>": 0, "<s>": 1, "</s>": 2, "<0x61>": 3, "\u2581": 4, a: 5, b: 6, ab: 7 },
    merges: ["a b"],
  },
} satisfies Json;

export const TOKENIZER_CONFIG = {
  add_bos_token: false,
  bos_token: null,
  eos_token: "<|end|>",
  pad_token: { content: "<|end|>", lstrip: false, normalized: false, rstrip: false, single_word: false },
  unk_token: null,
  clean_up_tokenization_spaces: false,
  model_max_length: 1024,
  tokenizer_class: "PreTrainedTokenizerFast",
  added_tokens_decoder: { "5": { content: "<|end|>", special: true } },
  chat_template: [
    { name: "default", template: "{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}" },
    { name: "tool_use", template: "{{ tools | tojson }}" },
  ],
} satisfies Json;

/** As they are in JSON: plain values only. */
export const CONFIG = ["Llama 3.1 (scaled rope)", "Phi-4-mini", "Gemma 3", "SmolLM3"].map(
  // The cast: what JSON.parse gives is JSON.
  (name) => JSON.parse(JSON.stringify({ ...TINY_MODELS[name]?.config, eos_token_id: [1, 2] })) as Json,
);

export const GENERATION_CONFIG = {
  eos_token_id: [1, 2],
  do_sample: true,
  temperature: 0.7,
  top_k: 20,
  top_p: 0.9,
  min_p: 0.05,
  repetition_penalty: 1.1,
  max_new_tokens: 512,
} satisfies Json;

export const SHARD_INDEX = {
  metadata: { total_size: 792 },
  weight_map: {
    "model.norm.weight": "part-1.safetensors",
    "model.embed_tokens.weight": "part-1.safetensors",
    "lm_head.weight": "part-1.safetensors",
  },
} satisfies Json;

export const MODULES = [
  { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
  { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
  { idx: 2, name: "2", path: "2_Normalize", type: "sentence_transformers.models.Normalize" },
] satisfies Json;

export const POOLING = {
  word_embedding_dimension: 384,
  pooling_mode_cls_token: false,
  pooling_mode_mean_tokens: true,
  include_prompt: true,
} satisfies Json;

const SHA256 = "0123456789abcdef".repeat(4);

export const MANIFEST = {
  version: 1,
  source: "hf:someone/some-model",
  revision: "0123456789abcdef0123456789abcdef01234567",
  pulledAt: "2026-01-01T00:00:00.000Z",
  files: [
    { name: "config.json", bytes: 600, sha256: SHA256 },
    {
      name: "folder/model.safetensors",
      bytes: 4096,
      sha256: SHA256,
      tensors: [{ name: "model.norm.weight", offset: 128, bytes: 24, sha256: SHA256 }],
    },
  ],
} satisfies Json;
