import { z } from "@hono/zod-openapi";
import { samplingSchema, type GenerateRequest, type Sampling } from "../../inference/request.ts";
import { supported } from "../validation.ts";

const sampling = samplingSchema.shape;

/** What is only about how fast it goes, or how much fits: the machine decides that for itself. */
const machine = {
  num_ctx: z
    .number()
    .int()
    .optional()
    .openapi({ description: "Taken and not used: the context is always as long as the model's own." }),
  ...Object.fromEntries(
    ["num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep"].map((name) => [name, z.number().int().optional()]),
  ),
  ...Object.fromEntries(["numa", "low_vram", "use_mmap", "use_mlock"].map((name) => [name, z.boolean().nullish()])),
};

/** Samplers that are not here: only the value that turns them off is taken. */
const refused = {
  mirostat: supported(z.number().optional(), (value) => (value ?? 0) === 0, "mirostat is not supported"),
  tfs_z: supported(z.number().optional(), (value) => (value ?? 1) === 1, "only 1 is supported"),
  typical_p: supported(z.number().optional(), (value) => (value ?? 1) === 1, "only 1 is supported"),
};

/** Ollama's `options`. Names that are not here are passed over, as Ollama does. */
export const optionsSchema = z
  .object({
    ...machine,
    ...refused,
    num_predict: z
      .number()
      .int()
      .max(1_000_000)
      .optional()
      .openapi({ description: "Most tokens to generate; less than 1: as many as fit the context." }),
    temperature: sampling.temperature,
    top_k: z.number().int().max(100_000).optional(),
    top_p: z.number().min(0).max(1).optional(),
    min_p: sampling.minP,
    repeat_penalty: sampling.repetitionPenalty,
    repeat_last_n: supported(
      z.number().int().optional(),
      (value) => value === undefined || value <= 0,
      "only -1 (over everything) and 0 (no penalty) are supported",
    ),
    presence_penalty: sampling.presencePenalty,
    frequency_penalty: sampling.frequencyPenalty,
    seed: sampling.seed,
    stop: z.union([z.string().max(256), z.array(z.string().min(1).max(256)).max(32)]).optional(),
  })
  .openapi("OllamaOptions");
export type Options = z.infer<typeof optionsSchema>;

/** Tokens of an answer that may be as long as fits. */
const AS_MANY_AS_FIT = 1_000_000;

/** What the options mean in the canonical request. */
export function fromOptions(options: Options = {}): Pick<GenerateRequest, "sampling" | "maxTokens" | "stop"> {
  const { num_predict: most } = options;
  const stop = typeof options.stop === "string" ? [options.stop].filter((text) => text !== "") : (options.stop ?? []);
  return {
    sampling: toSampling(options),
    ...(most === undefined ? {} : { maxTokens: most < 1 ? AS_MANY_AS_FIT : most }),
    ...(stop.length === 0 ? {} : { stop }),
  };
}

function toSampling(options: Options): Sampling {
  const given: Record<keyof Sampling, number | undefined> = {
    temperature: options.temperature,
    topK: options.top_k === undefined ? undefined : Math.max(0, options.top_k),
    // 0 takes the one most likely token, and so does the smallest number that the engine takes.
    topP: options.top_p === 0 ? Number.MIN_VALUE : options.top_p,
    minP: options.min_p,
    repetitionPenalty: options.repeat_last_n === 0 ? undefined : options.repeat_penalty,
    frequencyPenalty: options.frequency_penalty,
    presencePenalty: options.presence_penalty,
    seed: options.seed,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
