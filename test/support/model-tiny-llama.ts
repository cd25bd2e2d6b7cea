import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TINY_CONFIG, tinyTensors } from "./model-tiny.ts";
import { floatTensor, type TensorToWrite, writeSafetensors } from "./model-safetensors.ts";

/** Writes a tiny Llama as a model folder; `change` may spoil it. */
export async function writeTinyLlama(
  folder: string,
  seed = 1,
  change: { config?: Record<string, unknown>; tensors?: (tensors: TensorToWrite[]) => TensorToWrite[] } = {},
): Promise<void> {
  const tensors = [...tinyTensors({ config: TINY_CONFIG }, seed)].map(([name, { shape, values }]) =>
    floatTensor(name, shape, values),
  );
  await writeSafetensors(join(folder, "model.safetensors"), change.tensors?.(tensors) ?? tensors);
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...TINY_CONFIG, ...change.config }));
  await writeFile(join(folder, "tokenizer.json"), "{}");
}
