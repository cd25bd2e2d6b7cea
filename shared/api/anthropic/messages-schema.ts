import { z } from "@hono/zod-openapi";
import { samplingSchema, toolSchema } from "../../inference/request.ts";
import { supported } from "../validation.ts";
import { cacheControlSchema, messageParamSchema, textBlockSchema } from "./message-schema.ts";

const sampling = samplingSchema.shape;
const jsonSchema = z.record(z.string(), z.unknown());
const off = (sentence = "it is not supported") =>
  supported(z.unknown().optional(), (value) => value === null || value === undefined, sentence);

const customToolSchema = z
  .strictObject({
    type: z.literal("custom").nullish(),
    name: toolSchema.shape.name,
    description: toolSchema.shape.description,
    input_schema: jsonSchema.openapi({ description: "JSON Schema of the input, an object schema." }),
    strict: z.boolean().optional().openapi({
      description:
        "Inputs are held to their schema either way. Where it uses a keyword that this cannot be done for, true refuses the request.",
    }),
    cache_control: cacheControlSchema,
    eager_input_streaming: z.boolean().nullish().openapi({ description: "Taken and not used." }),
    input_examples: off("examples belong into the description"),
    defer_loading: supported(z.boolean().optional(), (value) => value !== true, "every tool is loaded"),
    allowed_callers: supported(
      z.array(z.string()).optional(),
      (callers) => (callers ?? ["direct"]).every((caller) => caller === "direct"),
      "only 'direct' is supported",
    ),
  })
  .openapi("AnthropicTool");

/** Tools that Anthropic's servers run, by their dated types. */
const serverToolSchema = supported(
  z.looseObject({ type: z.string().regex(/^(?!custom$)[a-z0-9_]+$/) }),
  () => false,
  "only tools of type 'custom' are supported",
);

const single = { disable_parallel_tool_use: z.boolean().optional() };
const toolChoiceSchema = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("auto"), ...single }),
    z.strictObject({ type: z.literal("any"), ...single }),
    z.strictObject({ type: z.literal("tool"), name: z.string().min(1).max(128), ...single }),
    z.strictObject({ type: z.literal("none") }),
  ])
  .openapi({ description: "Whether tools may, must or must not be used, or which one must be." });

const display = supported(
  z.enum(["summarized", "omitted"]).nullish(),
  (value) => value !== "omitted",
  "thoughts are always shown",
);
const thinkingSchema = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("enabled"),
      budget_tokens: z.number().int().min(1024).max(1_000_000).openapi({ description: "Most tokens to think." }),
      display,
    }),
    z.strictObject({ type: z.literal("adaptive"), display }),
    z.strictObject({ type: z.literal("disabled") }),
    supported(z.looseObject({ type: z.literal("between_tools") }), () => false, "'between_tools' is not supported"),
  ])
  .openapi({ description: "Whether a reasoning model thinks first. Absent: as the model does by itself." });

/** What changes how many tokens the prompt has. */
const prompt = {
  model: z.string().min(1).max(256).openapi({ description: "A name of GET /v1/models.", example: "starter" }),
  messages: z.array(messageParamSchema).min(1).max(2048),
  system: z.union([z.string(), z.array(textBlockSchema).max(256)]).optional(),
  tools: z
    .array(z.union([customToolSchema, serverToolSchema]))
    .max(128)
    .optional(),
  tool_choice: toolChoiceSchema.optional(),
  thinking: thinkingSchema.optional(),
  output_config: z
    .strictObject({
      effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish().openapi({
        description:
          "With adaptive thinking: up to 2048 or 8192 tokens, or as many as the model likes. Otherwise only `high`.",
      }),
      format: z
        .strictObject({ type: z.literal("json_schema"), schema: jsonSchema })
        .nullish()
        .openapi({ description: "The form of the answer, held to token by token." }),
    })
    .optional(),
  cache_control: cacheControlSchema,
  speed: supported(z.enum(["standard", "fast"]).nullish(), (speed) => speed !== "fast", "only 'standard' is supported"),
  user_profile_id: z.string().max(256).optional().openapi({ description: "Taken and not used." }),
  workspace_id: z.string().max(256).optional().openapi({ description: "Taken and not used." }),
};

/** What is only of an answer. */
const answer = {
  max_tokens: z.number().int().min(1).max(1_000_000).openapi({ description: "Most tokens to generate." }),
  stream: z.boolean().optional().openapi({ description: "Send the answer as server-sent events while it is made." }),
  stop_sequences: z
    .array(z.string().min(1).max(256))
    .max(32)
    .optional()
    .openapi({ description: "Generation ends before the first of these." }),
  temperature: z.number().min(0).max(1).optional().openapi({ description: "0 is greedy." }),
  top_p: sampling.topP,
  top_k: sampling.topK,
  metadata: z.strictObject({ user_id: z.string().max(512).nullish() }).optional(),
  service_tier: z.enum(["auto", "standard_only"]).optional(),
  container: off(),
  diagnostics: off(),
  inference_geo: off("inference is at home"),
};

type Body = {
  tools?: readonly unknown[] | undefined;
  tool_choice?: z.infer<typeof toolChoiceSchema> | undefined;
};
const hasToolsToUse = ({ tools, tool_choice: choice }: Body): boolean =>
  (choice?.type !== "any" && choice?.type !== "tool") || (tools?.length ?? 0) > 0;
type Thoughtful = {
  thinking?: z.infer<typeof thinkingSchema> | undefined;
  output_config?: { effort?: string | null | undefined } | undefined;
};
/** Effort would change more than thoughts; here it is a budget of them. */
const isEffortHonoured = ({ thinking, output_config: config }: Thoughtful): boolean =>
  (config?.effort ?? "high") === "high" || thinking?.type === "adaptive";
const noEffort = {
  path: ["output_config", "effort"],
  error: "only 'high' is supported without adaptive thinking",
  params: { unsupported: true },
};
const noTools = { path: ["tool_choice"], error: "it asks for a call, and there are no 'tools'" };

/** The body of POST /v1/messages. A field that is not here is refused by name, as Anthropic does. */
export const messagesRequestSchema = z
  .strictObject({ ...prompt, ...answer })
  .refine(({ thinking, max_tokens: most }) => thinking?.type !== "enabled" || thinking.budget_tokens < most, {
    path: ["thinking", "budget_tokens"],
    error: "it must be less than 'max_tokens'",
  })
  .refine(hasToolsToUse, noTools)
  .refine(isEffortHonoured, noEffort)
  .openapi("MessagesRequest", {
    example: { model: "starter", max_tokens: 256, messages: [{ role: "user", content: "What can you do?" }] },
  });
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

/** The body of POST /v1/messages/count_tokens. */
export const countTokensRequestSchema = z
  .strictObject(prompt)
  .refine(hasToolsToUse, noTools)
  .refine(isEffortHonoured, noEffort)
  .openapi("CountTokensRequest", {
    example: { model: "starter", messages: [{ role: "user", content: "What can you do?" }] },
  });
export type CountTokensRequest = z.infer<typeof countTokensRequestSchema>;
