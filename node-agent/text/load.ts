import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { isGguf, readGgufTokenizer } from "../model/model-files.ts";
import { type ChatTemplate, createChatTemplate } from "./chat-template.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";

export interface TextTools {
  tokenizer: Tokenizer;
  template: ChatTemplate;
}

/** Reads tokenizer and chat template of a model folder in the Hugging Face layout or a GGUF file; throws `model_load_failed`. */
export async function loadTextTools(folder: string): Promise<TextTools> {
  if (isGguf(folder)) {
    const files = await readGgufTokenizer(folder);
    const tokenizer = createTokenizer(files.tokenizer, files.config);
    return { tokenizer, template: createChatTemplate(files.config, undefined, tokenizer.added) };
  }
  const [tokenizerJson, configJson, templateFile] = await Promise.all([
    readIfPresent(join(folder, "tokenizer.json")),
    readIfPresent(join(folder, "tokenizer_config.json")),
    readIfPresent(join(folder, "chat_template.jinja")),
  ]);
  if (tokenizerJson === undefined) {
    throw new PorchlightError("model_load_failed", "The model folder has no tokenizer.json: download the model again.");
  }
  const config = z.record(z.string(), z.unknown()).parse(parseJson("tokenizer_config.json", configJson ?? "{}"));
  const tokenizer = createTokenizer(parseJson("tokenizer.json", tokenizerJson), config);
  return { tokenizer, template: createChatTemplate(config, templateFile, tokenizer.added) };
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PorchlightError("model_load_failed", `The model's ${name} is not valid JSON: download it again.`, {
      cause,
    });
  }
}
