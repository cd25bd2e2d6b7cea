import { z } from "@hono/zod-openapi";
import { logitBiasSchema } from "../../../inference/output-format.ts";
import { type GenerateRequest, samplingSchema } from "../../../inference/request.ts";
import { supported } from "../../validation.ts";
import { toSampling } from "../chat-request.ts";
import { usageSchema } from "../chat-response.ts";
import { completionLogprobsSchema } from "./logprobs.ts";

const sampling = samplingSchema.shape;

/** OpenAI's own default: whoever wants more says so. */
const DEFAULT_TOKENS = 16;
const MAX_CHOICES = 16;

/** The body of POST /v1/completions. A field that is not here is refused by name, as OpenAI does. */
export const completionsRequestSchema = z
  .strictObject({
    model: z.string().min(1).max(256).openapi({ description: "A name of GET /v1/models.", example: "starter" }),
    prompt: z
      .union([
        z.string().min(1),
        supported(z.array(z.unknown()), () => false, "send one text; tokens and several prompts are not supported"),
      ])
      .openapi({ description: "The model continues it as it is, without its chat template." }),
    max_tokens: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .nullish()
      .openapi({ description: `Most tokens to generate; ${DEFAULT_TOKENS} if absent.` }),
    n: supported(
      z.number().int().min(1).max(128).nullish(),
      (n) => (n ?? 1) <= MAX_CHOICES,
      `at most ${MAX_CHOICES} choices`,
    ),
    stream: z.boolean().nullish(),
    stream_options: z
      .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
      .nullish(),
    stop: z.union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(4)]).nullish(),
    seed: sampling.seed.nullable(),
    temperature: sampling.temperature.nullable(),
    top_p: sampling.topP.nullable(),
    top_k: z.number().int().min(-1).max(100_000).nullish(),
    min_p: sampling.minP.nullable(),
    frequency_penalty: sampling.frequencyPenalty.nullable(),
    presence_penalty: sampling.presencePenalty.nullable(),
    repetition_penalty: sampling.repetitionPenalty.nullable(),
    logit_bias: logitBiasSchema.nullish(),
    logprobs: z.number().int().min(0).max(5).nullish().openapi({
      description: "Tell the log probability of each token, and those of so many that were likely in its place.",
    }),
    best_of: supported(z.number().int().min(1).max(20).nullish(), (best) => (best ?? 1) === 1, "only 1 is supported"),
    echo: z.boolean().nullish().openapi({ description: "The prompt comes before its continuation." }),
    suffix: supported(z.string().nullish(), (suffix) => !suffix, "text cannot be filled in before a suffix"),
    user: z.string().max(512).nullish(),
  })
  .refine((body) => !body.stream_options || body.stream === true, {
    path: ["stream_options"],
    error: "it is only allowed when 'stream' is true",
  })
  .refine(({ echo, logprobs }) => echo !== true || (logprobs ?? undefined) === undefined, {
    path: ["logprobs"],
    error: "the probabilities of a prompt's tokens are not known: leave out 'echo'",
    params: { unsupported: true },
  })
  .openapi("CompletionRequest", { example: { model: "starter", prompt: "Once upon a time" } });
export type CompletionsRequest = z.infer<typeof completionsRequestSchema>;

/** The canonical request that a body means. */
export function toGenerateRequest(body: CompletionsRequest): GenerateRequest {
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  return {
    model: body.model,
    messages: [],
    // The schema has refused lists.
    prompt: typeof body.prompt === "string" ? body.prompt : "",
    sampling: toSampling(body),
    ...(typeof body.logprobs === "number" ? { topLogprobs: body.logprobs } : {}),
    ...(body.logit_bias && Object.keys(body.logit_bias).length > 0 ? { logitBias: body.logit_bias } : {}),
    maxTokens: body.max_tokens ?? DEFAULT_TOKENS,
    ...(stop.length === 0 ? {} : { stop }),
  };
}

const finishReasonSchema = z.enum(["stop", "length"]);

export const completionSchema = z
  .object({
    id: z.string(),
    object: z.literal("text_completion"),
    created: z.number().int(),
    model: z.string(),
    choices: z.array(
      z.object({
        text: z.string(),
        index: z.number().int(),
        logprobs: completionLogprobsSchema.nullable(),
        finish_reason: finishReasonSchema.nullable(),
      }),
    ),
    usage: usageSchema.nullish(),
  })
  .openapi("Completion", { description: "The text that follows the prompt, or a piece of it." });
export type Completion = z.infer<typeof completionSchema>;
