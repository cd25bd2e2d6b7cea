import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { readSentenceConfig } from "../../node-agent/model/embedding/sentence-config.ts";
import { modelError } from "../../node-agent/model/model-error.ts";
import { openModelTensors, readModelConfig, readModelDefaults } from "../../node-agent/model/model-files.ts";
import { readManifest } from "../../node-agent/model/store/manifest.ts";
import { loadTextTools } from "../../node-agent/text/load.ts";
import { hostileJson, type Json } from "./fuzz-json.ts";
import {
  BYTE_LEVEL_TOKENIZER,
  CONFIG,
  GENERATION_CONFIG,
  MANIFEST,
  MODULES,
  POOLING,
  SENTENCE_PIECE_TOKENIZER,
  SHARD_INDEX,
  TOKENIZER_CONFIG,
} from "./fuzz-seeds.ts";
import { MODEL_TARGETS } from "./fuzz-targets-models.ts";
import { mutated, readWholeGguf, readWholeModel, SEED_FILE } from "./gguf-mutations.ts";
import { tinyGguf } from "./gguf-tiny-llama.ts";
import { encodeGguf } from "./gguf-writer.ts";
import { encodeHeader, headerOf } from "./model-safetensors.ts";

/** One kind of file that comes with a model and is read. */
export interface FuzzTarget {
  name: string;
  /** The file that is damaged, inside of the folder. */
  file: string;
  /** The file as it should be. */
  whole: Uint8Array;
  damaged: fc.Arbitrary<Uint8Array>;
  /** Files around it, which are as they should be. */
  intact?: Readonly<Record<string, Uint8Array>>;
  /** Reads it in the way that the product does; throws what that throws. */
  read(folder: string): Promise<void>;
}

const text = new TextEncoder();
const json = (value: unknown) => text.encode(JSON.stringify(value));
const TINY_GGUF = encodeGguf(tinyGguf());
const CHAT_TEMPLATE =
  "{% for m in messages %}{% if m.role == 'user' %}<|end|>{{ m.content | trim }}{% else %}{{ m['content'] }}{% endif %}{% endfor %}{% set x = namespace(a=1) %}{{ x.a + 1 }}";

const TENSORS = [
  { name: "model.norm.weight", dtype: "F32", shape: [6] },
  { name: "model.embed_tokens.weight", dtype: "F16", shape: [6, 32] },
  { name: "lm_head.weight", dtype: "BF16", shape: [6, 32] },
] as const;
const SHARD = new Uint8Array(Buffer.concat([encodeHeader(headerOf(TENSORS)), new Uint8Array(24 + 384 + 384)]));
/** Beside the model's folder: no reader may ever get there. */
const OUTSIDE = new Uint8Array(
  Buffer.concat([encodeHeader(headerOf([{ name: "outside", dtype: "F32", shape: [1] }])), new Uint8Array(4)]),
);

/** A safetensors file whose header is hostile JSON that has the right length. */
const hostileHeader = hostileJson(structuredClone(headerOf(TENSORS)) as Json).map((header) => {
  const length = new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer);
  return new Uint8Array(Buffer.concat([length, header, new Uint8Array(792)]));
});

async function readTensors(folder: string): Promise<void> {
  const source = await openModelTensors(folder);
  try {
    if (source.tensors.has("outside")) throw new Error("A file outside of the model's folder was read.");
    for (const [name, { elements }] of source.tensors) {
      const values = await source.read(name, 0, elements);
      if (values.length !== elements)
        throw new Error(`${name} has ${elements} elements, and ${values.length} were read.`);
    }
  } finally {
    await source.close();
  }
}

const TEXTS = ["ab <|end|> c\u00e9", `${"a".repeat(40)}!`, "  \n\n 123 \u{1f600}\ud800"];

async function readText(folder: string): Promise<void> {
  const { tokenizer, template } = await loadTextTools(folder);
  const prompt = template.render([{ role: "user", content: "Hello" }], []);
  for (const each of [...TEXTS, prompt.slice(0, 1000)]) {
    for (const id of tokenizer.encode(each)) tokenizer.bytesOf(id);
  }
}

const TEXT_FILES = { "tokenizer.json": json(BYTE_LEVEL_TOKENIZER), "tokenizer_config.json": json(TOKENIZER_CONFIG) };

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  {
    name: "gguf-values",
    file: "damaged.gguf",
    whole: SEED_FILE,
    damaged: mutated(SEED_FILE),
    read: (folder) => readWholeGguf(join(folder, "damaged.gguf")),
  },
  {
    name: "gguf-model",
    file: "damaged.gguf",
    whole: TINY_GGUF,
    damaged: mutated(TINY_GGUF),
    read: (folder) => readWholeModel(join(folder, "damaged.gguf")),
  },
  { name: "safetensors-bytes", file: "model.safetensors", whole: SHARD, damaged: mutated(SHARD), read: readTensors },
  { name: "safetensors-header", file: "model.safetensors", whole: SHARD, damaged: hostileHeader, read: readTensors },
  {
    name: "safetensors-index",
    file: "model.safetensors.index.json",
    whole: json(SHARD_INDEX),
    damaged: hostileJson(SHARD_INDEX),
    intact: { "part-1.safetensors": SHARD, "../outside.safetensors": OUTSIDE, "../outside": OUTSIDE },
    read: readTensors,
  },
  {
    name: "tokenizer-byte-level",
    file: "tokenizer.json",
    whole: json(BYTE_LEVEL_TOKENIZER),
    damaged: hostileJson(BYTE_LEVEL_TOKENIZER),
    intact: TEXT_FILES,
    read: readText,
  },
  {
    name: "tokenizer-sentence-piece",
    file: "tokenizer.json",
    whole: json(SENTENCE_PIECE_TOKENIZER),
    damaged: hostileJson(SENTENCE_PIECE_TOKENIZER),
    intact: TEXT_FILES,
    read: readText,
  },
  {
    name: "tokenizer-config",
    file: "tokenizer_config.json",
    whole: json(TOKENIZER_CONFIG),
    damaged: hostileJson(TOKENIZER_CONFIG),
    intact: TEXT_FILES,
    read: readText,
  },
  {
    name: "chat-template",
    file: "chat_template.jinja",
    whole: text.encode(CHAT_TEMPLATE),
    damaged: mutated(text.encode(CHAT_TEMPLATE)),
    intact: TEXT_FILES,
    read: readText,
  },
  {
    name: "config",
    file: "config.json",
    whole: json(CONFIG[0]),
    damaged: fc.oneof(...CONFIG.map((config) => hostileJson(config))),
    read: async (folder) => void (await readModelConfig(folder)),
  },
  {
    name: "generation-config",
    file: "generation_config.json",
    whole: json(GENERATION_CONFIG),
    damaged: hostileJson(GENERATION_CONFIG),
    read: async (folder) => void (await readModelDefaults(folder)),
  },
  {
    name: "sentence-modules",
    file: "modules.json",
    whole: json(MODULES),
    damaged: hostileJson(MODULES),
    intact: { "1_Pooling/config.json": json(POOLING), "../outside/config.json": json({}) },
    read: async (folder) => void (await readSentenceConfig(folder)),
  },
  {
    name: "sentence-pooling",
    file: "1_Pooling/config.json",
    whole: json(POOLING),
    damaged: hostileJson(POOLING),
    intact: { "modules.json": json(MODULES) },
    read: async (folder) => void (await readSentenceConfig(folder)),
  },
  {
    name: "manifest",
    file: "porchlight.json",
    whole: json(MANIFEST),
    damaged: hostileJson(MANIFEST),
    read: async (folder) => {
      if ((await readManifest(folder)) === undefined) throw modelError("There is no manifest that can be read.");
    },
  },
  ...MODEL_TARGETS,
];

/** Writes what surrounds a target's damaged file. */
export async function writeIntact({ file, intact = {} }: FuzzTarget, folder: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  for (const [name, bytes] of Object.entries(intact)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}
