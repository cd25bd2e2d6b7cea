import { join } from "node:path";
import { readTextFile } from "../model/json-file.ts";
import { isGguf, readGgufTokenizer } from "../model/model-files.ts";
import { type ChatTemplate, createChatTemplate } from "./chat-template.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";
import { readTokenizerFiles } from "./tokenizer-files.ts";

/** The longest are tens of kilobytes. */
const MAX_TEMPLATE_BYTES = 1024 * 1024;

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
  const [{ file, config }, template] = await Promise.all([
    readTokenizerFiles(folder),
    readTextFile(join(folder, "chat_template.jinja"), MAX_TEMPLATE_BYTES),
  ]);
  const tokenizer = createTokenizer(file, config);
  return { tokenizer, template: createChatTemplate(config, template, tokenizer.added) };
}
