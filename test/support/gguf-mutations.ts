import * as fc from "fast-check";
import { openModelTensors, readModelConfig, readModelDefaults } from "../../node-agent/model/model-files.ts";
import { loadTextTools } from "../../node-agent/text/load.ts";
import { openGguf } from "../../node-agent/model/gguf/reader.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { encodeGguf } from "./gguf-writer.ts";

/** A small file that has every kind of value, as a seed for what is done to it. */
export const SEED_FILE = encodeGguf({
  metadata: {
    "general.architecture": { text: "llama" },
    "general.alignment": { u32: 32 },
    "a.u8": { u8: 7 },
    "a.u64": { u64: 2n ** 60n },
    "a.bool": { bool: true },
    "a.f32": { f32: 1.5 },
    "a.texts": { texts: ["one", "two", ""] },
    "a.arrays": { arrays: [[1, 2], [], [3]] },
    "a.i32s": { i32s: [1, -2, 3] },
    "a.f32s": { f32s: [0.5, 1] },
  },
  tensors: [
    { name: "floats", type: "F32", shape: [2, 3], data: new Uint8Array(24) },
    { name: "blocks", type: "Q4_0", shape: [2, 64], data: new Uint8Array(72) },
    { name: "k", type: "Q6_K", shape: [256], data: new Uint8Array(210) },
  ],
});

type Mutation = (bytes: Uint8Array) => Uint8Array;

/** Numbers at which sizes and counts go wrong. */
const HOSTILE = [0n, 1n, 255n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 61n, 2n ** 63n, 2n ** 64n - 1n];

const cut = fc.nat().map(
  (length): Mutation =>
    (bytes) =>
      bytes.slice(0, length % (bytes.length + 1)),
);
const flip = fc.tuple(fc.nat(), fc.nat(255)).map(
  ([at, value]): Mutation =>
    (bytes) =>
      bytes.length === 0 ? bytes : bytes.with(at % bytes.length, value),
);
const overwrite = fc.tuple(fc.nat(), fc.constantFrom(4, 8), fc.constantFrom(...HOSTILE)).map(
  ([place, width, value]): Mutation =>
    (bytes) => {
      const at = place % (bytes.length + 1);
      if (at + width > bytes.length) return bytes;
      const changed = bytes.slice();
      const view = new DataView(changed.buffer);
      if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), true);
      else view.setBigUint64(at, value, true);
      return changed;
    },
);
const splice = fc.tuple(fc.nat(), fc.nat(40), fc.uint8Array({ maxLength: 40 })).map(
  ([place, removed, added]): Mutation =>
    (bytes) => {
      const at = place % (bytes.length + 1);
      return new Uint8Array(Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]));
    },
);

/** A file with one to five things done to it: cut, bytes changed, numbers made hostile, pieces replaced. */
export function mutated(seed: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .array(fc.oneof(cut, flip, overwrite, overwrite, splice), { minLength: 1, maxLength: 5 })
    .map((mutations) => mutations.reduce((bytes, mutate) => mutate(bytes), seed));
}

/** Runs something that reads a file: true if it could, false for a named error; anything else is thrown on. */
export async function readsOrRefuses(read: () => unknown): Promise<boolean> {
  try {
    await read();
    return true;
  } catch (error) {
    if (error instanceof PorchlightError && error.code === "model_load_failed") return false;
    throw error;
  }
}

/** Opens a file and reads every tensor's bytes. */
export async function readWholeGguf(path: string): Promise<void> {
  await using file = await openGguf(path);
  for (const tensor of file.tensors.values()) await file.read(tensor.offset, tensor.bytes);
}

/** Reads everything of a model that loading it would: configuration, recommendations, tokenizer, template and all weights. */
export async function readWholeModel(path: string): Promise<void> {
  await readModelConfig(path);
  await readModelDefaults(path);
  const { tokenizer } = await loadTextTools(path);
  for (const id of tokenizer.encode("ab <|end|> c\u00e9")) tokenizer.bytesOf(id);
  const source = await openModelTensors(path);
  try {
    for (const [name, { elements }] of source.tensors) await source.read(name, 0, elements);
  } finally {
    await source.close();
  }
}
