import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { STARTER } from "./engine-starter.ts";

const FILES = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

/** Copies the starter into `folder`; each `version` above 1 has weights of its own and so gives other answers. */
export async function writeStarterVersion(folder: string, version: number): Promise<string> {
  for (const file of FILES) await cp(join(STARTER, file), join(folder, file));
  if (version === 1) return folder;
  const path = join(folder, "model.safetensors");
  const weights = await readFile(path);
  // Somewhere in the middle of the layers.
  weights.fill(0, weights.length / 2 + version * 1000, weights.length / 2 + version * 1000 + 300_000);
  await writeFile(path, weights);
  return folder;
}
