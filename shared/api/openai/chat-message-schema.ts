import { z } from "@hono/zod-openapi";
import { supported } from "../validation.ts";

const textPartSchema = z.strictObject({ type: z.literal("text"), text: z.string() }).openapi("TextPart");

/** Parts of other kinds are known by name, so that a client learns what is missing rather than that it made a mistake. */
const foreignPartSchema = supported(
  z.looseObject({ type: z.enum(["image_url", "input_audio", "file", "refusal"]) }).openapi({
    description: "Known to OpenAI's API, refused here.",
  }),
  () => false,
  "only parts of type 'text' are supported",
);

const contentSchema = z
  .union([
    z.string(),
    z
      .array(z.discriminatedUnion("type", [textPartSchema, foreignPartSchema]))
      .min(1)
      .max(256),
  ])
  .openapi({ description: "Text, or text in parts.", example: "What can you do?" });

/** Participant names have no place in the models' templates. */
const nameSchema = z.string().max(64).nullish().openapi({ description: "Accepted and not used." });

const toolCallSchema = z
  .strictObject({
    id: z.string().min(1).max(128),
    type: z.literal("function"),
    function: z.strictObject({
      name: z.string().min(1).max(128),
      arguments: z.string().openapi({ description: "The arguments as JSON text.", example: '{"city":"Kyiv"}' }),
    }),
  })
  .openapi("ToolCall");

const instructionSchema = (role: "system" | "developer") =>
  z.strictObject({ role: z.literal(role), content: contentSchema, name: nameSchema });

const assistantSchema = z
  .strictObject({
    role: z.literal("assistant"),
    content: contentSchema.nullish(),
    tool_calls: z.array(toolCallSchema).max(128).nullish(),
    name: nameSchema,
    reasoning_content: z.string().nullish().openapi({
      description: "What it thought before; the model's template decides whether it sees that again.",
    }),
    // What a client sends back when it replays an answer of this API, or of another one.
    refusal: supported(z.string().nullish(), (value) => typeof value !== "string", "refusals cannot be replayed"),
    annotations: supported(z.array(z.unknown()).nullish(), (value) => !value?.length, "annotations cannot be replayed"),
    audio: supported(z.looseObject({}).nullish(), (value) => !value, "audio is not supported"),
    function_call: supported(z.looseObject({}).nullish(), (value) => !value, "use 'tool_calls'"),
  })
  .refine(({ content, tool_calls: calls }) => (content ?? undefined) !== undefined || (calls?.length ?? 0) > 0, {
    path: ["content"],
    error: "an assistant message needs 'content' or 'tool_calls'",
  });

export const chatMessageSchema = z
  .discriminatedUnion("role", [
    instructionSchema("system"),
    instructionSchema("developer"),
    z.strictObject({ role: z.literal("user"), content: contentSchema, name: nameSchema }),
    assistantSchema,
    z.strictObject({
      role: z.literal("tool"),
      content: contentSchema,
      tool_call_id: z.string().min(1).max(128).openapi({ description: "The call that this answers." }),
      name: nameSchema,
    }),
  ])
  .openapi("ChatMessage");
export type ChatMessage = z.infer<typeof chatMessageSchema>;
export type ChatContent = z.infer<typeof contentSchema>;
