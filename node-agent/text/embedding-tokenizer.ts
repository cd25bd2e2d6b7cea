import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { modelError } from "../model/model-error.ts";
import { readJson } from "../model/json-file.ts";

/** Text to the token ids that an embedding model was trained on. */
export interface EmbeddingTokenizer {
  /** Ids of a text, without those around it. */
  encode(text: string): number[];
  /** What the tokenizer's post-processor puts before and after every text, such as [CLS] and [SEP]. */
  readonly begin: readonly number[];
  readonly end: readonly number[];
  /** Ids are below this. */
  readonly vocabSize: number;
}

const fileSchema = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: z.number().int().nonnegative(), content: z.string() })),
});

/** A text that every vocabulary has some token for. */
const PROBE = "a";

/** Reads tokenizer.json of a model folder. Throws `model_load_failed`. @param vocabSize rows of the model's embedding */
export async function loadEmbeddingTokenizer(folder: string, vocabSize: number): Promise<EmbeddingTokenizer> {
  const config = z.looseObject({}).safeParse((await readJson(join(folder, "tokenizer_config.json"))) ?? {});
  return createEmbeddingTokenizer(await readTokenizerFile(folder), config.data ?? {}, vocabSize);
}

/** @param file parsed contents of tokenizer.json @param config of tokenizer_config.json */
export function createEmbeddingTokenizer(file: unknown, config: object, vocabSize: number): EmbeddingTokenizer {
  const parsed = fileSchema.safeParse(file);
  if (!parsed.success) throw modelError("The model's tokenizer.json is not in the Hugging Face format.");
  const tokenizer = new HuggingFaceTokenizer(parsed.data, config);
  // A character that the vocabulary lacks is undefined where there is no token for the unknown; other ids may be of another model.
  const ids = (text: string, around: boolean): number[] => {
    const found: (number | undefined)[] = tokenizer.encode(text, { add_special_tokens: around }).ids;
    return found.filter((id) => id !== undefined && id < vocabSize).map(Number);
  };
  const content = ids(PROBE, false);
  const whole = ids(PROBE, true);
  const first = content.length === 0 ? -1 : whole.findIndex((_, i) => content.every((id, j) => whole[i + j] === id));
  if (first === -1)
    throw modelError("The model's tokenizer puts tokens into the middle of texts, which is not supported.");
  return {
    encode: (text) => ids(text, false),
    begin: whole.slice(0, first),
    end: whole.slice(first + content.length),
    vocabSize,
  };
}

async function readTokenizerFile(folder: string): Promise<unknown> {
  const text = await readFile(join(folder, "tokenizer.json"), "utf8").catch((cause: unknown) => {
    throw modelError(`${folder} holds no tokenizer.json that can be read.`, cause);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw modelError(`${join(folder, "tokenizer.json")} is not valid JSON: download the model again.`, cause);
  }
}
