import { copyFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { configJson } from "../gguf/metadata-config.ts";
import { generationJson } from "../gguf/generation.ts";
import { openGguf } from "../gguf/reader.ts";
import { readJson } from "../json-file.ts";
import { isGguf, readGgufTokenizer } from "../model-files.ts";

/** Files that a model takes along as they are: how it speaks, and under which terms. */
const COPIED =
  /^(?:tokenizer\.json|tokenizer_config\.json|generation_config\.json|chat_template\.jinja|special_tokens_map\.json|(?:LICEN[CS]E|NOTICE)[\w.-]*)$/i;

/** Puts everything but configuration and weights of a model into a folder; a GGUF file's metadata become files. */
export async function copyCompanions(path: string, folder: string): Promise<void> {
  if (!isGguf(path)) {
    for (const name of await readdir(path)) if (COPIED.test(name)) await copyFile(join(path, name), join(folder, name));
    return;
  }
  const { tokenizer, config } = await readGgufTokenizer(path);
  await using file = await openGguf(path);
  const files = {
    "tokenizer.json": tokenizer,
    "tokenizer_config.json": config,
    "generation_config.json": generationJson(file),
  };
  for (const [name, json] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(json));
}

/** The model's config.json, or what it would be for a GGUF file. */
export async function readConfigJson(path: string): Promise<Record<string, unknown>> {
  if (!isGguf(path)) {
    const json = await readJson(join(path, "config.json"));
    return z.record(z.string(), z.unknown()).parse(json);
  }
  await using file = await openGguf(path);
  return await configJson(file);
}
