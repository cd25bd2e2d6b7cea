import { z } from "zod";
import { modelError } from "../model/model-error.ts";
import { openLibraryTokenizer } from "./library-tokenizer.ts";
import { readTokenizerFiles } from "./tokenizer-files.ts";

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
  const { file, config } = await readTokenizerFiles(folder);
  return createEmbeddingTokenizer(file, config, vocabSize);
}

/** @param file parsed contents of tokenizer.json @param config of tokenizer_config.json */
export function createEmbeddingTokenizer(file: unknown, config: object, vocabSize: number): EmbeddingTokenizer {
  const parsed = fileSchema.safeParse(file);
  if (!parsed.success) throw modelError("The model's tokenizer.json is not in the Hugging Face format.");
  const { encode } = openLibraryTokenizer(parsed.data, config);
  // Ids beyond the model's may be those of another model.
  const ids = (text: string, around: boolean): number[] => encode(text, around).filter((id) => id < vocabSize);
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
