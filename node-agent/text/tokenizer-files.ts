import { join } from "node:path";
import { z } from "zod";
import { readJson } from "../model/json-file.ts";
import { modelError } from "../model/model-error.ts";

/** The largest vocabularies take 35 MB. */
const MAX_TOKENIZER_BYTES = 128 * 1024 * 1024;
/** It repeats the added tokens, of which some models have thousands. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

const objectSchema = z.record(z.string(), z.unknown());

/** Contents of tokenizer.json and tokenizer_config.json of a model folder; the latter may be absent. Throws `model_load_failed`. */
export async function readTokenizerFiles(folder: string): Promise<{ file: unknown; config: Record<string, unknown> }> {
  const path = join(folder, "tokenizer_config.json");
  const [file, json] = await Promise.all([
    readJson(join(folder, "tokenizer.json"), MAX_TOKENIZER_BYTES),
    readJson(path, MAX_CONFIG_BYTES),
  ]);
  if (file === undefined) throw modelError(`${folder} holds no tokenizer.json: download the model again.`);
  const config = objectSchema.safeParse(json ?? {});
  if (!config.success) throw modelError(`${path} is not a JSON object: download the model again.`, config.error);
  return { file, config: config.data };
}
