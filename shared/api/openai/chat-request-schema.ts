import { z } from "@hono/zod-openapi";
import { samplingSchema, toolSchema } from "../../inference/request.ts";
import { EFFORTS } from "../reasoning.ts";
import { supported } from "../validation.ts";
import { chatMessageSchema } from "./chat-message-schema.ts";
import { isPluginTool, pluginToolSchema } from "./plugin-tool.ts";
import { formatsOf, outputFields } from "./output-schema.ts";

const sampling = samplingSchema.shape;

const functionToolSchema = z
  .strictObject({
    type: z.literal("function"),
    function: z.strictObject({
      ...toolSchema.shape,
      description: toolSchema.shape.description.nullable(),
      parameters: toolSchema.shape.parameters.nullable(),
      strict: z.boolean().nullish().openapi({
        description:
          "Arguments are held to their schema either way. Where it uses a keyword that this cannot be done for, true refuses the request; otherwise that tool's arguments are any JSON object.",
      }),
    }),
  })
  .openapi("Tool");

const toolChoiceSchema = z
  .union([
    z.enum(["none", "auto", "required"]),
    z.strictObject({
      type: z.literal("function"),
      function: z.strictObject({ name: z.string().min(1).max(128) }),
    }),
    supported(
      z.looseObject({ type: z.enum(["allowed_tools", "custom"]) }),
      () => false,
      "only the type 'function' is supported",
    ),
  ])
  .openapi({ description: "Whether tools may, must or must not be called, or which one must be." });

function isCallRequired(choice: z.infer<typeof toolChoiceSchema> | null | undefined): boolean {
  return choice === "required" || (typeof choice === "object" && choice !== null);
}

const tokens = z.number().int().min(1).max(1_000_000).nullish();
const text = z.string().max(512).nullish();
const off = <Schema extends z.ZodType>(schema: Schema, sentence = "it is not supported") =>
  supported(schema.nullish(), (value) => value === null || value === undefined, sentence);

/** What changes the answer, and is honoured. */
const honoured = {
  ...outputFields,
  model: z.string().min(1).max(256).openapi({ description: "A name of GET /v1/models.", example: "starter" }),
  messages: z.array(chatMessageSchema).min(1).max(2048),
  stream: z.boolean().nullish().openapi({ description: "Send the answer as server-sent events while it is made." }),
  background: z
    .boolean()
    .nullish()
    .openapi({
      description:
        "An extension of the edge: true answers 202 at once with a job, which waits for a machine; its answer is at `GET /api/jobs/{id}`. " +
        "A machine's own API has no queue and refuses it.",
    }),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish().openapi({ description: "One more chunk at the end, with the usage." }),
      include_obfuscation: z.boolean().nullish().openapi({ description: "Accepted and not used." }),
    })
    .nullish(),
  tools: z
    .array(z.discriminatedUnion("type", [functionToolSchema, pluginToolSchema]))
    .max(128)
    .nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  max_tokens: tokens.openapi({ description: "The older name of `max_completion_tokens`." }),
  max_completion_tokens: tokens.openapi({ description: "Most tokens to generate." }),
  stop: z
    .union([z.string().min(1).max(256), z.array(z.string().min(1).max(256)).max(4)])
    .nullish()
    .openapi({ description: "Generation ends before the first of these." }),
  seed: sampling.seed.nullable().openapi({ description: "The same seed and request give the same answer." }),
  temperature: sampling.temperature.nullable().openapi({ description: "0 is greedy." }),
  top_p: sampling.topP.nullable(),
  frequency_penalty: sampling.frequencyPenalty.nullable(),
  presence_penalty: sampling.presencePenalty.nullable(),
  top_k: z.number().int().min(-1).max(100_000).nullish().openapi({ description: "0 or -1 turns it off." }),
  min_p: sampling.minP.nullable(),
  reasoning_effort: z
    .enum(EFFORTS)
    .nullish()
    .openapi({
      description:
        "How much a reasoning model thinks first: not at all, up to 512, 2048 or 8192 tokens, or (from `high` on) as much as it likes. A model " +
        "that does not reason refuses all but `none`.",
    }),
  reasoning: z
    .strictObject({
      enabled: z.boolean().nullish(),
      effort: z.enum(EFFORTS).nullish(),
      max_tokens: tokens.openapi({ description: "Most tokens to think: then the answer begins." }),
    })
    .nullish()
    .openapi({ description: "The same in more words, as OpenRouter names them." }),
  repetition_penalty: sampling.repetitionPenalty.nullable().openapi({ description: "1 is neutral." }),
};

/** Accepted because leaving them out changes nothing that the client would see. */
const harmless = {
  user: text,
  safety_identifier: text,
  prompt_cache_key: text,
  prompt_cache_retention: text,
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.enum(["auto", "default", "flex", "scale", "priority"]).nullish(),
};

/** Known to OpenAI's API: only the value that means what happens here anyway is taken. */
const refused = {
  modalities: supported(
    z.array(z.enum(["text", "audio"])).nullish(),
    (list) => (list ?? []).every((modality) => modality === "text"),
    "only 'text' is supported",
  ),
  verbosity: supported(
    z.enum(["low", "medium", "high"]).nullish(),
    (value) => (value ?? "medium") === "medium",
    "only 'medium' is supported",
  ),
  audio: off(z.looseObject({})),
  prediction: off(z.looseObject({})),
  web_search_options: off(z.looseObject({})),
  functions: off(z.array(z.unknown()), "use 'tools'"),
  function_call: off(z.unknown(), "use 'tool_choice'"),
};

/** The body of POST /v1/chat/completions. A field that is not here is refused by name, as OpenAI does. */
export const chatRequestSchema = z
  .strictObject({ ...honoured, ...harmless, ...refused })
  .refine((body) => typeof body.max_tokens !== "number" || typeof body.max_completion_tokens !== "number", {
    path: ["max_tokens"],
    error: "give either 'max_tokens' or 'max_completion_tokens', not both",
  })
  .refine((body) => !body.stream_options || body.stream === true, {
    path: ["stream_options"],
    error: "it is only allowed when 'stream' is true",
  })
  .refine((body) => body.background !== true || body.stream !== true, {
    path: ["background"],
    error: "a job has no reader to stream to: leave out 'stream'",
  })
  .refine((body) => body.background !== true || (body.n ?? 1) === 1, {
    path: ["background"],
    error: "a job has one answer: make several in place of 'n'",
  })
  .refine((body) => (body.n ?? 1) === 1 || !(body.tools ?? []).some(isPluginTool), {
    path: ["n"],
    error: "tools of plugins are called for one answer",
  })
  .refine((body) => (body.top_logprobs ?? 0) === 0 || body.logprobs === true, {
    path: ["top_logprobs"],
    error: "it is only allowed when 'logprobs' is true",
  })
  .refine((body) => typeof body.reasoning_effort !== "string" || !body.reasoning, {
    path: ["reasoning"],
    error: "give either 'reasoning' or 'reasoning_effort', not both",
  })
  .refine((body) => formatsOf(body).length <= 1, {
    path: ["response_format"],
    error: "give only one of 'response_format', 'structured_outputs' and 'grammar'",
  })
  .refine((body) => !isCallRequired(body.tool_choice) || (body.tools?.length ?? 0) > 0, {
    path: ["tool_choice"],
    error: "it asks for a call, and there are no 'tools'",
  })
  .openapi("ChatCompletionRequest", {
    example: { model: "starter", messages: [{ role: "user", content: "What can you do?" }] },
  });
export type ChatRequest = z.infer<typeof chatRequestSchema>;
