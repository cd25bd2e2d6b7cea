import { z } from "@hono/zod-openapi";
import { MAX_TOP_LOGPROBS } from "../../../inference/output-format.ts";
import { samplingSchema, toolSchema } from "../../../inference/request.ts";
import { EFFORTS } from "../../reasoning.ts";
import { supported } from "../../validation.ts";
import { pluginToolSchema } from "../plugin-tool.ts";
import { inputItemSchema } from "./input-schema.ts";

const sampling = samplingSchema.shape;
const jsonSchema = z.record(z.string(), z.unknown());
const short = z.string().max(512).nullish();
const off = (sentence = "it is not supported") =>
  supported(z.unknown().optional(), (value) => value === null || value === undefined, sentence);

const functionSchema = z
  .strictObject({
    type: z.literal("function"),
    name: toolSchema.shape.name,
    description: toolSchema.shape.description.nullable(),
    parameters: jsonSchema.nullish(),
    strict: z.boolean().nullish(),
  })
  .openapi("ResponseFunctionTool");

/** Tools that OpenAI's servers run, or that are not functions. */
const otherToolSchema = supported(
  z.looseObject({ type: z.string().regex(/^(?!(?:function|plugin)$)[a-z0-9_]+$/) }),
  () => false,
  "only tools of the types 'function' and 'plugin' are supported",
);

const toolChoiceSchema = z.union([
  z.enum(["none", "auto", "required"]),
  z.strictObject({ type: z.literal("function"), name: z.string().min(1).max(128) }),
  supported(
    z.looseObject({ type: z.string().regex(/^(?!function$)[a-z0-9_]+$/) }),
    () => false,
    "only the type 'function' is supported",
  ),
]);

const formatSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({ type: z.literal("json_object") }),
  z.strictObject({
    type: z.literal("json_schema"),
    name: z.string().min(1).max(64),
    description: z.string().max(8192).nullish(),
    schema: jsonSchema,
    strict: z.boolean().nullish(),
  }),
]);

/** Known to OpenAI's API: only the value that means what happens here anyway is taken. */
const refused = {
  context_management: off(),
  moderation: off(),
  max_tool_calls: off("no tool is run here"),
  prompt: off("send the prompt itself"),
};

/** Accepted because leaving them out changes nothing that the client would see. */
const harmless = {
  user: short,
  safety_identifier: short,
  prompt_cache_key: short,
  prompt_cache_retention: short,
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  service_tier: z.enum(["auto", "default", "flex", "scale", "priority"]).nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
};

/** The body of POST /v1/responses. A field that is not here is refused by name, as OpenAI does. */
export const responsesRequestSchema = z
  .strictObject({
    ...refused,
    ...harmless,
    model: z.string().min(1).max(256).openapi({ description: "A name of GET /v1/models.", example: "starter" }),
    input: z.union([z.string(), z.array(inputItemSchema).min(1).max(4096)]),
    instructions: z.string().nullish(),
    stream: z.boolean().nullish(),
    store: z.boolean().nullish().openapi({
      description:
        "Whether this answer may be read and named later: for 30 days, on the machine's own API for an hour. It is unless this is false.",
    }),
    previous_response_id: z.string().max(128).nullish(),
    conversation: z
      .union([z.string().max(128), z.strictObject({ id: z.string().max(128) })])
      .nullish()
      .openapi({
        description:
          "A conversation of POST /v1/conversations: its items come first, and question and answer are added to it.",
      }),
    background: z.boolean().nullish().openapi({
      description:
        "Waits for a machine and needs no connection: `GET /v1/responses/{id}` tells how it stands. Through the edge only.",
    }),
    truncation: z.enum(["auto", "disabled"]).nullish().openapi({
      description: "`auto`: where the conversation is too long for the model, its oldest turns are left out.",
    }),
    max_output_tokens: z.number().int().min(1).max(1_000_000).nullish(),
    temperature: sampling.temperature.nullable(),
    top_p: sampling.topP.nullable(),
    tools: z
      .array(z.union([functionSchema, pluginToolSchema, otherToolSchema]))
      .max(128)
      .nullish(),
    tool_choice: toolChoiceSchema.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z
      .strictObject({
        format: formatSchema.nullish(),
        verbosity: supported(
          z.enum(["low", "medium", "high"]).nullish(),
          (value) => (value ?? "medium") === "medium",
          "only 'medium' is supported",
        ),
      })
      .nullish(),
    reasoning: z
      .strictObject({
        effort: z.enum(EFFORTS).nullish(),
        summary: supported(
          z.enum(["auto", "concise", "detailed"]).nullish(),
          (value) => (value ?? "auto") === "auto",
          "thoughts come as they are: only 'auto' is supported",
        ),
      })
      .nullish(),
    include: z
      .array(
        supported(
          z.string().max(64),
          (value) => value === "message.output_text.logprobs" || value === "reasoning.encrypted_content",
          "only 'message.output_text.logprobs' is supported",
        ),
      )
      .nullish(),
    top_logprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).nullish(),
  })
  .refine(
    ({ tool_choice: choice, tools }) => (choice ?? "auto") === "auto" || choice === "none" || (tools?.length ?? 0) > 0,
    {
      path: ["tool_choice"],
      error: "it asks for a call, and there are no 'tools'",
    },
  )
  .refine(({ conversation, previous_response_id: before }) => !conversation || !before, {
    path: ["conversation"],
    error: "'previous_response_id' names a conversation already",
  })
  .refine(({ background, store }) => background !== true || store !== false, {
    path: ["store"],
    error: "what waits in the background has to be kept",
  })
  .refine(({ background, truncation }) => background !== true || truncation !== "auto", {
    path: ["truncation"],
    error: "what waits in the background is not cut",
    params: { unsupported: true },
  })
  .openapi("ResponsesRequest", { example: { model: "starter", input: "What can you do?" } });
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;
