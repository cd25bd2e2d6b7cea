import { z } from "@hono/zod-openapi";
import { PorchlightError, type WireError } from "../../errors.ts";
import type { GenerateEvent } from "../../inference/event.ts";
import { anthropicError } from "./errors.ts";

const usageSchema = z
  .object({
    input_tokens: z.number().int().openapi({ description: "Tokens of the prompt that were computed." }),
    cache_creation_input_tokens: z.number().int(),
    cache_read_input_tokens: z
      .number()
      .int()
      .openapi({ description: "Tokens of the prompt that were kept from before." }),
    output_tokens: z.number().int(),
    output_tokens_details: z
      .object({ thinking_tokens: z.number().int() })
      .nullable()
      .openapi({ description: "Of models that reason: how many were thoughts." }),
  })
  .openapi("MessageUsage");
type Usage = z.infer<typeof usageSchema>;

const contentBlockSchema = z.discriminatedUnion("type", [
  z
    .object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() })
    .openapi({ description: "Nothing is signed here: the signature is empty, and may be sent back as it is." }),
  z.object({ type: z.literal("text"), text: z.string(), citations: z.null() }),
  z.object({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
    caller: z.object({ type: z.literal("direct") }),
  }),
]);
type ContentBlock = z.infer<typeof contentBlockSchema>;

export const messageSchema = z
  .object({
    id: z.string(),
    type: z.literal("message"),
    role: z.literal("assistant"),
    model: z.string(),
    content: z.array(contentBlockSchema),
    stop_reason: z.enum(["end_turn", "max_tokens", "stop_sequence", "tool_use"]).nullable(),
    stop_sequence: z
      .string()
      .nullable()
      .openapi({ description: "The stop sequence that ended the answer, if one did." }),
    stop_details: z.null(),
    container: z.null(),
    usage: usageSchema,
  })
  .openapi("Message", {
    example: {
      id: "msg_3f0c1a2b",
      type: "message",
      role: "assistant",
      model: "starter",
      content: [{ type: "text", text: "I can answer questions.", citations: null }],
      stop_reason: "end_turn",
      stop_sequence: null,
      stop_details: null,
      container: null,
      usage: {
        input_tokens: 12,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 6,
        output_tokens_details: null,
      },
    },
  });
export type Message = z.infer<typeof messageSchema>;

/** What the API writes for one of its events. */
export const messageEventSchema = z
  .looseObject({
    type: z.enum([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
      "ping",
      "error",
    ]),
  })
  .openapi("MessageStreamEvent", {
    description: "One server-sent event of a streamed answer; its name is its `type`.",
  });

type Ending = Extract<GenerateEvent, { type: "finish" }>;
type ToolCallEvent = Extract<GenerateEvent, { type: "tool_call" }>;

/** What identifies one answer. */
export interface MessageHead {
  id: string;
  model: string;
  /** For an error in the middle of a stream. */
  requestId: string | undefined;
}

export function messageHead(model: string, requestId: string | undefined): MessageHead {
  return { id: `msg_${crypto.randomUUID().replaceAll("-", "")}`, model, requestId };
}

/** The whole answer at once. Throws PorchlightError when the stream ends with an error, or without an end. */
export async function collectMessage(head: MessageHead, events: AsyncIterable<GenerateEvent>): Promise<Message> {
  const content: ContentBlock[] = [];
  let usage = toUsage(undefined);
  for await (const event of events) {
    if (event.type === "reasoning") {
      const last = content.at(-1);
      if (last?.type === "thinking") last.thinking += event.text;
      else content.push({ type: "thinking", thinking: event.text, signature: "" });
    } else if (event.type === "text") {
      const last = content.at(-1);
      if (last?.type === "text") last.text += event.text;
      else content.push({ type: "text", text: event.text, citations: null });
    } else if (event.type === "tool_call") content.push({ ...toToolUse(event), input: parseInput(event) });
    else if (event.type === "usage") usage = toUsage(event);
    else if (event.type === "error") throw PorchlightError.fromWire(event.error);
    else if (event.type === "finish") return { ...emptyMessage(head), content, ...toStop(event), usage };
  }
  throw new PorchlightError("internal", undefined, { cause: new Error("The events ended without finish or error.") });
}

/** What is sent while there is nothing to say. */
export const PING = sse("ping", {});

/**
 * Encodes one answer's events as Anthropic's: `message_start`; blocks, each with a start, deltas and a stop; `message_delta`;
 * `message_stop`. An `error` may come in place of all that is left.
 */
export class MessageEncoder {
  readonly #head: MessageHead;
  #promptTokens = 0;
  #usage = toUsage(undefined);
  #started = false;
  #ended = false;
  /** Index of the block that is open, or of the next one. */
  #index = 0;
  #open: "text" | "thinking" | undefined;

  constructor(head: MessageHead) {
    this.#head = head;
  }

  /** The text to send for one event; empty for those that have nothing of their own. */
  encode(event: GenerateEvent): string {
    switch (event.type) {
      case "plugin":
        break;
      case "progress":
        this.#promptTokens = event.promptTokens ?? this.#promptTokens;
        break;
      case "reasoning": {
        const start = this.#continue({ type: "thinking", thinking: "", signature: "" });
        return start + this.#delta(`{"type":"thinking_delta","thinking":${JSON.stringify(event.text)}}`);
      }
      case "text": {
        const start = this.#continue({ type: "text", text: "", citations: null });
        return start + this.#delta(`{"type":"text_delta","text":${JSON.stringify(event.text)}}`);
      }
      case "tool_call": {
        const partial = JSON.stringify(event.call.arguments);
        return (
          this.#start() +
          this.#close() +
          this.#begin({ ...toToolUse(event), input: {} }) +
          this.#delta(`{"type":"input_json_delta","partial_json":${partial}}`) +
          this.#stop()
        );
      }
      case "usage":
        this.#usage = toUsage(event);
        break;
      case "finish":
        return this.#start() + this.#close() + this.#finish(event);
      case "error":
        return this.fail(event.error);
    }
    return "";
  }

  /** An error ends the answer: a client's SDK raises it where it reads. */
  fail(error: WireError): string {
    this.#ended = true;
    return sse("error", anthropicError(PorchlightError.fromWire(error), this.#head.requestId));
  }

  /** What comes after the last event. */
  end(): string {
    return this.#ended ? "" : this.fail(new PorchlightError("internal").toWire());
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const usage = { ...toUsage(undefined), input_tokens: this.#promptTokens };
    return sse("message_start", { message: { ...emptyMessage(this.#head), usage } });
  }

  /** What has to come before a delta of such a block. */
  #continue(block: Exclude<ContentBlock, { type: "tool_use" }>): string {
    if (this.#open === block.type) return "";
    const before = this.#start() + this.#close();
    this.#open = block.type;
    return before + this.#begin(block);
  }

  #begin(block: ContentBlock): string {
    return sse("content_block_start", { index: this.#index, content_block: block });
  }

  #delta(delta: string): string {
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":${delta}}\n\n`;
  }

  /** Ends the block that is open, if one is. */
  #close(): string {
    if (this.#open === undefined) return "";
    this.#open = undefined;
    return this.#stop();
  }

  #stop(): string {
    return sse("content_block_stop", { index: this.#index++ });
  }

  #finish(event: Ending): string {
    this.#ended = true;
    return (
      sse("message_delta", { delta: { ...toStop(event), container: null }, usage: this.#usage }) +
      sse("message_stop", {})
    );
  }
}

function sse(type: z.infer<typeof messageEventSchema>["type"], data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

function emptyMessage({ id, model }: MessageHead): Message {
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    usage: toUsage(undefined),
  };
}

const REASONS = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use" } as const;

function toStop({ reason, stopString }: Ending): Pick<Message, "stop_reason" | "stop_sequence" | "stop_details"> {
  if (stopString === undefined) return { stop_reason: REASONS[reason], stop_sequence: null, stop_details: null };
  return { stop_reason: "stop_sequence", stop_sequence: stopString, stop_details: null };
}

function toToolUse({ call }: ToolCallEvent) {
  const id = call.id.replace(/^call_/, "toolu_");
  return { type: "tool_use" as const, id, name: call.name, caller: { type: "direct" as const } };
}

/** The engine's arguments are always a JSON object. */
function parseInput({ call }: ToolCallEvent): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(JSON.parse(call.arguments));
}

/** Anthropic counts what was kept from before apart from the rest of the prompt. */
function toUsage(event: Extract<GenerateEvent, { type: "usage" }> | undefined): Usage {
  const cached = event?.cachedTokens ?? 0;
  return {
    input_tokens: (event?.promptTokens ?? 0) - cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: event?.completionTokens ?? 0,
    output_tokens_details: event?.reasoningTokens === undefined ? null : { thinking_tokens: event.reasoningTokens },
  };
}
