import { z } from "zod";
import { modelError } from "../model-error.ts";
import type { GgufHeader } from "./header.ts";

const schema = z
  .object({
    "general.sampling.temp": z.number().min(0).optional(),
    "general.sampling.top_k": z.number().int().min(0).optional(),
    "general.sampling.top_p": z.number().min(0).max(1).optional(),
    "general.sampling.min_p": z.number().min(0).max(1).optional(),
    "general.sampling.penalty_repeat": z.number().positive().optional(),
  })
  .transform((values) => ({
    temperature: values["general.sampling.temp"],
    top_k: values["general.sampling.top_k"],
    top_p: values["general.sampling.top_p"],
    min_p: values["general.sampling.min_p"],
    repetition_penalty: values["general.sampling.penalty_repeat"],
  }));

/** What generation_config.json would recommend for the model in a GGUF file. Throws `model_load_failed`. */
export function generationJson(file: Pick<GgufHeader, "metadata"> & { name: string }): Record<string, unknown> {
  const parsed = schema.safeParse(Object.fromEntries(file.metadata));
  if (!parsed.success) throw modelError(`The metadata of ${file.name}: ${z.prettifyError(parsed.error)}`, parsed.error);
  return parsed.data;
}
