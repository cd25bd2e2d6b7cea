import { join } from "node:path";
import { z } from "zod";
import { readJson } from "./json-file.ts";
import { modelError } from "./model-error.ts";
import { tokenIdsSchema } from "./raw-config.ts";

const generationSchema = z.object({
  eos_token_id: tokenIdsSchema.nullish(),
  do_sample: z.boolean().nullish(),
  temperature: z.number().min(0).max(100).nullish(),
  top_k: z.number().int().min(0).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  max_new_tokens: z.number().int().positive().nullish(),
});

/** What a model's author recommends; an absent field has no recommendation. */
export interface GenerationDefaults {
  eosTokenIds?: readonly number[];
  /** 0 where the author says not to sample. */
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  repetitionPenalty?: number;
  maxTokens?: number;
}

/** Parses generation_config.json. Throws `model_load_failed`. */
export function parseGenerationConfig(json: unknown): GenerationDefaults {
  const parsed = generationSchema.safeParse(json);
  if (!parsed.success) throw modelError(`generation_config.json: ${z.prettifyError(parsed.error)}`, parsed.error);
  const raw = parsed.data;
  const temperature = raw.do_sample === false ? 0 : raw.temperature;
  return {
    ...(raw.eos_token_id == null ? {} : { eosTokenIds: raw.eos_token_id }),
    ...(temperature == null ? {} : { temperature }),
    ...(raw.top_k == null ? {} : { topK: raw.top_k }),
    ...(raw.top_p == null || raw.top_p === 0 ? {} : { topP: raw.top_p }),
    ...(raw.min_p == null ? {} : { minP: raw.min_p }),
    ...(raw.repetition_penalty == null ? {} : { repetitionPenalty: raw.repetition_penalty }),
    ...(raw.max_new_tokens == null ? {} : { maxTokens: raw.max_new_tokens }),
  };
}

/** Reads a model folder's generation_config.json; an absent file recommends nothing. Throws `model_load_failed`. */
export async function readGenerationConfig(folder: string): Promise<GenerationDefaults> {
  const json = await readJson(join(folder, "generation_config.json"));
  return json === undefined ? {} : parseGenerationConfig(json);
}
