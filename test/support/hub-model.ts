import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "./model-temp.ts";
import { writeTinyLlama } from "./model-tiny-llama.ts";

/** The files of a repository with a tiny Llama that the registry can read, and files nobody should download. */
export async function tinyRepository(): Promise<Record<string, Uint8Array>> {
  await using folder = await temporaryFolder();
  await writeTinyLlama(folder.path);
  const names = ["config.json", "model.safetensors", "tokenizer.json"];
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(folder.path, name))] as const));
  return {
    ...Object.fromEntries(files),
    "README.md": Buffer.from("# Tiny"),
    "pytorch_model.bin": Buffer.from("a pickle"),
    "modeling_tiny.py": Buffer.from("import os"),
  };
}
