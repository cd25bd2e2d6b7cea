import { z } from "@hono/zod-openapi";
import { MAX_TOP_LOGPROBS } from "../../inference/output-format.ts";
import { toolSchema } from "../../inference/request.ts";
import { supported } from "../validation.ts";
import { ollamaKeepAliveSchema } from "./duration.ts";
import { optionsSchema } from "./options-schema.ts";

/** A model's name, with or without the tag that Ollama's clients put behind one that has none. */
export const modelNameSchema = z
  .string()
  .min(1)
  .max(256)
  .transform((name) => name.replace(/:latest$/, ""))
  .openapi({ type: "string", description: "A name of GET /api/tags.", example: "starter" });

const imagesSchema = supported(z.array(z.unknown()).nullish(), (images) => !images?.length, "images are not supported");
const empty = (sentence: string) =>
  supported(z.union([z.string(), z.array(z.unknown())]).nullish(), (value) => (value?.length ?? 0) === 0, sentence);

const toolCallSchema = z.object({
  id: z.string().min(1).max(128).optional(),
  function: z.object({
    name: z.string().min(1).max(128),
    arguments: z.record(z.string(), z.unknown()).default({}),
  }),
});

export const ollamaMessageSchema = z
  .object({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.string().default(""),
    thinking: z.string().nullish(),
    images: imagesSchema,
    tool_calls: z.array(toolCallSchema).max(128).nullish(),
    tool_name: z.string().max(128).nullish().openapi({ description: "The tool whose result this is." }),
    tool_call_id: z.string().max(128).nullish().openapi({ description: "The call whose result this is." }),
  })
  .openapi("OllamaMessage");
export type OllamaMessage = z.infer<typeof ollamaMessageSchema>;

const formatSchema = z
  .union([z.literal(""), z.literal("json"), z.record(z.string(), z.unknown())])
  .openapi({ description: "The form of the answer, held to token by token: `json`, or a JSON Schema." });

/** Fields of both ways to ask. What is not here is passed over, as Ollama does. */
const common = {
  model: modelNameSchema,
  stream: z.boolean().default(true).openapi({ description: "Send the answer in lines of JSON while it is made." }),
  format: formatSchema.nullish(),
  options: optionsSchema.optional(),
  keep_alive: ollamaKeepAliveSchema.optional(),
  think: z
    .union([z.boolean(), z.enum(["low", "medium", "high", "max"])])
    .nullish()
    .openapi({
      description:
        "Whether a reasoning model thinks first, or how much: up to 2048 or 8192 tokens, or as many as it likes.",
    }),
  logprobs: z.boolean().optional(),
  top_logprobs: z.number().int().min(0).max(MAX_TOP_LOGPROBS).optional(),
};

const ollamaToolSchema = z
  .object({
    type: z.literal("function").default("function"),
    function: z.object({
      name: toolSchema.shape.name,
      description: toolSchema.shape.description,
      parameters: toolSchema.shape.parameters,
    }),
  })
  .openapi("OllamaTool");

/** The body of POST /api/chat. */
export const ollamaChatSchema = z
  .object({
    ...common,
    messages: z.array(ollamaMessageSchema).max(2048).default([]).openapi({
      description: "The conversation. Without one, the model is only loaded, or unloaded with a `keep_alive` of 0.",
    }),
    tools: z.array(ollamaToolSchema).max(128).nullish(),
  })
  .openapi("OllamaChatRequest", {
    example: { model: "starter", messages: [{ role: "user", content: "What can you do?" }] },
  });
export type OllamaChat = z.infer<typeof ollamaChatSchema>;

/** The body of POST /api/generate. */
export const ollamaGenerateSchema = z
  .object({
    ...common,
    prompt: z.string().default("").openapi({ description: "Without one, the model is only loaded, or unloaded." }),
    system: z.string().optional(),
    suffix: empty("text cannot be filled in before a suffix"),
    template: empty("the model's own template is used"),
    context: empty("send the conversation to /api/chat"),
    images: imagesSchema,
    raw: z
      .boolean()
      .optional()
      .openapi({ description: "The model continues the prompt as it is, without its template." }),
  })
  .refine(({ raw, system }) => raw !== true || !system, {
    path: ["system"],
    error: "a raw prompt has no place for it",
  })
  .openapi("OllamaGenerateRequest", { example: { model: "starter", prompt: "What can you do?" } });
export type OllamaGenerate = z.infer<typeof ollamaGenerateSchema>;
