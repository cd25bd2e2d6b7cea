import { z } from "@hono/zod-openapi";
import { supported } from "../../validation.ts";

const identity = {
  id: z.string().max(128).nullish(),
  status: z.enum(["in_progress", "completed", "incomplete"]).nullish(),
};
const absent = (sentence: string) =>
  supported(
    z.unknown().optional(),
    (value) => value === null || value === undefined || (Array.isArray(value) && value.length === 0),
    sentence,
  );

const inputTextSchema = z.strictObject({ type: z.literal("input_text"), text: z.string() });
const outputTextSchema = z.strictObject({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: absent("annotations cannot be replayed"),
  logprobs: z.array(z.unknown()).nullish(),
});

/** Kinds of other APIs and of other machines are known by name, so that a client learns what is missing. */
const foreign = <const Types extends readonly [string, ...string[]]>(types: Types, sentence: string) =>
  supported(z.looseObject({ type: z.enum(types) }), () => false, sentence);
const foreignParts = foreign(["input_image", "input_file", "input_audio", "refusal"], "only text is supported");

const content = <Part extends z.ZodType>(part: Part) => z.union([z.string(), z.array(part).min(1).max(256)]);
const inputParts = z.discriminatedUnion("type", [inputTextSchema, foreignParts]);

/** What an assistant said comes back as it was answered; everybody else's words are input. */
const messageSchema = z.discriminatedUnion("role", [
  z.strictObject({
    type: z.literal("message").optional(),
    role: z.enum(["user", "system", "developer"]),
    content: content(inputParts),
    ...identity,
  }),
  z.strictObject({
    type: z.literal("message").optional(),
    role: z.literal("assistant"),
    content: content(z.discriminatedUnion("type", [outputTextSchema, inputTextSchema, foreignParts])),
    phase: z.enum(["commentary", "final_answer"]).nullish(),
    ...identity,
  }),
]);

const callSchema = z.strictObject({
  type: z.literal("function_call"),
  call_id: z.string().min(1).max(128),
  name: z.string().min(1).max(128),
  arguments: z.string(),
  ...identity,
});

const callOutputSchema = z.strictObject({
  type: z.literal("function_call_output"),
  call_id: z.string().min(1).max(128),
  output: z.union([z.string(), z.array(inputParts).max(256)]),
  ...identity,
});

const textPartSchema = (type: "reasoning_text" | "summary_text") =>
  z.strictObject({ type: z.literal(type), text: z.string() });

const reasoningSchema = z.strictObject({
  type: z.literal("reasoning"),
  summary: z.array(textPartSchema("summary_text")).max(256),
  content: z.array(textPartSchema("reasoning_text")).max(256).nullish(),
  encrypted_content: absent("thoughts of another service cannot be read"),
  ...identity,
});

const otherItems = foreign(
  [
    "item_reference",
    "custom_tool_call",
    "custom_tool_call_output",
    "file_search_call",
    "web_search_call",
    "computer_call",
    "computer_call_output",
    "code_interpreter_call",
    "image_generation_call",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
  ],
  "only messages, function calls, their outputs and reasoning are supported",
);

/** An item without a type is a message. */
export const inputItemSchema = z
  .union([messageSchema, z.discriminatedUnion("type", [callSchema, callOutputSchema, reasoningSchema, otherItems])])
  .openapi("ResponseInputItem");
export type InputItem = z.infer<typeof inputItemSchema>;
