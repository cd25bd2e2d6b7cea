import { z } from "@hono/zod-openapi";
import { PorchlightError, type WireError } from "../../errors.ts";
import type { GenerateEvent } from "../../inference/event.ts";
import { errorBody } from "../errors.ts";

const usageSchema = z
  .object({
    prompt_tokens: z.number().int(),
    completion_tokens: z.number().int(),
    total_tokens: z.number().int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.number().int().openapi({ description: "How many were not computed again." }),
    }),
  })
  .openapi("Usage");
type Usage = z.infer<typeof usageSchema>;

const answerCallSchema = z.object({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const finishReasonSchema = z.enum(["stop", "length", "tool_calls"]);

export const chatCompletionSchema = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.number().int().openapi({ description: "Unix time in seconds." }),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.literal(0),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(answerCallSchema).optional(),
        }),
        logprobs: z.null(),
        finish_reason: finishReasonSchema,
      }),
    ),
    usage: usageSchema,
  })
  .openapi("ChatCompletion", {
    example: {
      id: "chatcmpl-3f0c1a2b",
      object: "chat.completion",
      created: 1_790_000_000,
      model: "starter",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "I can answer questions.", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 12,
        completion_tokens: 6,
        total_tokens: 18,
        prompt_tokens_details: { cached_tokens: 0 },
      },
    },
  });
export type ChatCompletion = z.infer<typeof chatCompletionSchema>;

export const chatChunkSchema = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion.chunk"),
    created: z.number().int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.literal(0),
        delta: z.object({
          role: z.literal("assistant").optional(),
          content: z.string().nullable().optional(),
          refusal: z.null().optional(),
          tool_calls: z.array(answerCallSchema.extend({ index: z.number().int() })).optional(),
        }),
        logprobs: z.null(),
        finish_reason: finishReasonSchema.nullable(),
      }),
    ),
    usage: usageSchema.nullable().optional(),
  })
  .openapi("ChatCompletionChunk", { description: "One server-sent event of a streamed answer; `[DONE]` ends it." });

type UsageEvent = Extract<GenerateEvent, { type: "usage" }>;
type ToolCallEvent = Extract<GenerateEvent, { type: "tool_call" }>;

/** What identifies one answer in every piece of it. */
export interface AnswerHead {
  id: string;
  /** Unix time in seconds. */
  created: number;
  model: string;
}

export function answerHead(model: string): AnswerHead {
  const id = `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`;
  return { id, created: Math.floor(Date.now() / 1000), model };
}

/** The whole answer at once. Throws PorchlightError when the stream ends with an error, or without an end. */
export async function collectCompletion(
  head: AnswerHead,
  events: AsyncIterable<GenerateEvent>,
): Promise<ChatCompletion> {
  let content = "";
  let usage = toUsage(undefined);
  const calls: z.infer<typeof answerCallSchema>[] = [];
  for await (const event of events) {
    if (event.type === "text") content += event.text;
    else if (event.type === "tool_call") calls.push(toCall(event));
    else if (event.type === "usage") usage = toUsage(event);
    else if (event.type === "error") throw PorchlightError.fromWire(event.error);
    else if (event.type === "finish") {
      const text = content === "" && calls.length > 0 ? null : content;
      const toolCalls = calls.length === 0 ? {} : { tool_calls: calls };
      const message = { role: "assistant" as const, content: text, refusal: null, ...toolCalls };
      const choice = { index: 0 as const, message, logprobs: null, finish_reason: event.reason };
      return { ...ordered(head, "chat.completion" as const), choices: [choice], usage };
    }
  }
  throw new PorchlightError("internal", undefined, { cause: new Error("The events ended without finish or error.") });
}

/** Encodes one answer's events as server-sent events in OpenAI's chunks. What is the same in every chunk is made once. */
export class ChatChunkEncoder {
  readonly #head: string;
  readonly #tail: string;
  readonly #includeUsage: boolean;
  #started = false;
  #ended = false;
  #usage: UsageEvent | undefined;

  constructor(head: AnswerHead, options: { includeUsage: boolean }) {
    const constant = JSON.stringify(ordered(head, "chat.completion.chunk")).slice(0, -1);
    this.#head = `data: ${constant},"choices":[`;
    this.#includeUsage = options.includeUsage;
    this.#tail = options.includeUsage ? `],"usage":null}\n\n` : `]}\n\n`;
  }

  /** The text to send for one event; empty for those that have no chunk. */
  encode(event: GenerateEvent): string {
    switch (event.type) {
      case "text":
        return this.#opening() + this.#chunk(`{"content":${JSON.stringify(event.text)}}`);
      case "tool_call":
        return (
          this.#opening() + this.#chunk(JSON.stringify({ tool_calls: [{ index: event.index, ...toCall(event) }] }))
        );
      case "usage":
        this.#usage = event;
        break;
      case "finish":
        this.#ended = true;
        return this.#opening() + this.#chunk("{}", event.reason) + this.#usageChunk();
      case "error":
        return this.fail(event.error);
      case "progress":
        break;
    }
    return "";
  }

  /** An error ends the answer: a client's SDK raises it where it reads. */
  fail(error: WireError): string {
    this.#ended = true;
    return `data: ${JSON.stringify(errorBody(PorchlightError.fromWire(error)))}\n\n`;
  }

  /** What comes after the last event. */
  end(): string {
    const missing = this.#ended ? "" : this.fail(new PorchlightError("internal").toWire());
    return `${missing}data: [DONE]\n\n`;
  }

  #opening(): string {
    if (this.#started) return "";
    this.#started = true;
    return this.#chunk(`{"role":"assistant","content":"","refusal":null}`);
  }

  #chunk(delta: string, finishReason?: string): string {
    const reason = finishReason === undefined ? "null" : `"${finishReason}"`;
    return `${this.#head}{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}${this.#tail}`;
  }

  #usageChunk(): string {
    return this.#includeUsage ? `${this.#head}],"usage":${JSON.stringify(toUsage(this.#usage))}}\n\n` : "";
  }
}

function ordered<Kind extends string>({ id, created, model }: AnswerHead, object: Kind) {
  return { id, object, created, model };
}

function toCall({ call }: ToolCallEvent): z.infer<typeof answerCallSchema> {
  return { id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } };
}

function toUsage(event: UsageEvent | undefined): Usage {
  const prompt = event?.promptTokens ?? 0;
  const completion = event?.completionTokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: event?.cachedTokens ?? 0 },
  };
}
