import { z } from "@hono/zod-openapi";
import { wireErrorSchema } from "../../../errors.ts";
import type { GenerateEvent } from "../../../inference/event.ts";
import type { TokenLogprob } from "../../../inference/output-format.ts";
import type { ResponsesRequest } from "./request-schema.ts";

const statusSchema = z.enum(["in_progress", "completed", "incomplete"]);
const candidateSchema = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.number().int()) });
const logprobsSchema = z.array(candidateSchema.extend({ top_logprobs: z.array(candidateSchema) }));

const outputTextSchema = z.object({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(z.unknown()).max(0),
  logprobs: logprobsSchema,
});
const messageItemSchema = z.object({
  type: z.literal("message"),
  id: z.string(),
  status: statusSchema,
  role: z.literal("assistant"),
  content: z.array(outputTextSchema),
});
const callItemSchema = z.object({
  type: z.literal("function_call"),
  id: z.string(),
  status: statusSchema,
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const reasoningItemSchema = z.object({
  type: z.literal("reasoning"),
  id: z.string(),
  status: statusSchema,
  summary: z.array(z.unknown()).max(0),
  content: z.array(z.object({ type: z.literal("reasoning_text"), text: z.string() })),
});
export const outputItemSchema = z.discriminatedUnion("type", [messageItemSchema, callItemSchema, reasoningItemSchema]);
export type OutputItem = z.infer<typeof outputItemSchema>;
export type MessageItem = z.infer<typeof messageItemSchema>;
export type ReasoningItem = z.infer<typeof reasoningItemSchema>;
export type CallItem = z.infer<typeof callItemSchema>;

const usageSchema = z.object({
  input_tokens: z.number().int(),
  input_tokens_details: z.object({ cached_tokens: z.number().int() }),
  output_tokens: z.number().int(),
  output_tokens_details: z.object({ reasoning_tokens: z.number().int() }),
  total_tokens: z.number().int(),
});

export const responseSchema = z
  .object({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.number().int().openapi({ description: "Unix time in seconds." }),
    status: z.enum(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
    background: z.boolean(),
    conversation: z.object({ id: z.string() }).nullable(),
    error: wireErrorSchema.pick({ code: true, message: true }).nullable(),
    incomplete_details: z.object({ reason: z.literal("max_output_tokens") }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: z.number().int().nullable(),
    metadata: z.record(z.string(), z.string()),
    model: z.string(),
    output: z.array(outputItemSchema),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.string().nullable(),
    reasoning: z.object({ effort: z.string().nullable(), summary: z.null() }),
    store: z.boolean(),
    temperature: z.number().nullable(),
    text: z.object({ format: z.unknown() }),
    tool_choice: z.unknown(),
    tools: z.array(z.unknown()),
    top_p: z.number().nullable(),
    truncation: z.enum(["auto", "disabled"]),
    usage: usageSchema.nullable(),
  })
  .openapi("Response", { description: "An answer, as OpenAI's Responses API has it." });
export type ResponseBody = z.infer<typeof responseSchema>;

/** A new identifier, with the prefix that says of what. */
export function newId(prefix: "resp" | "conv" | "msg"): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "")}`;
}

/** The name of a response's item: the same whenever the answer is encoded anew. */
export function itemId(prefix: "msg" | "fc" | "rs", responseId: string, index: number): string {
  return `${prefix}_${responseId.slice("resp_".length)}${index.toString(16).padStart(3, "0")}`;
}

/** The response before anything of it is there. */
export function begunResponse(
  body: ResponsesRequest,
  { store, conversation }: { store: boolean; conversation: string | undefined },
): ResponseBody {
  const background = body.background === true;
  return {
    id: newId("resp"),
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    status: background ? "queued" : "in_progress",
    background,
    conversation: conversation === undefined ? null : { id: conversation },
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: body.model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: body.reasoning?.effort ?? null, summary: null },
    store,
    temperature: body.temperature ?? null,
    text: { format: body.text?.format ?? { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? "disabled",
    usage: null,
  };
}

export function toUsage(event: Extract<GenerateEvent, { type: "usage" }> | undefined): z.infer<typeof usageSchema> {
  const input = event?.promptTokens ?? 0;
  const output = event?.completionTokens ?? 0;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: event?.cachedTokens ?? 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: event?.reasoningTokens ?? 0 },
    total_tokens: input + output,
  };
}

export function toLogprobs(tokens: readonly TokenLogprob[]): z.infer<typeof logprobsSchema> {
  return tokens.map(({ top, ...chosen }) => ({ ...chosen, top_logprobs: top }));
}

/** Whether nothing more comes of it. */
export function hasEnded({ status }: ResponseBody): boolean {
  return status !== "queued" && status !== "in_progress";
}

/** A response as it was before anything of it was there: what it is encoded into anew. */
export function unanswered(response: ResponseBody): ResponseBody {
  const status = response.background ? "queued" : "in_progress";
  return { ...response, status, output: [], usage: null, error: null, incomplete_details: null };
}
