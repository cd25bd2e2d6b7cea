import { z } from "@hono/zod-openapi";
import { PorchlightError, type WireError } from "../../errors.ts";
import type { GenerateEvent, PluginStep } from "../../inference/event.ts";
import type { TokenLogprob } from "../../inference/output-format.ts";
import { errorBody } from "../errors.ts";

export const usageSchema = z
  .object({
    prompt_tokens: z.number().int(),
    completion_tokens: z.number().int(),
    total_tokens: z.number().int(),
    prompt_tokens_details: z.object({
      cached_tokens: z.number().int().openapi({ description: "How many were not computed again." }),
    }),
    completion_tokens_details: z
      .object({ reasoning_tokens: z.number().int().openapi({ description: "How many were thoughts." }) })
      .optional()
      .openapi({ description: "Of models that reason." }),
  })
  .openapi("Usage");
export type Usage = z.infer<typeof usageSchema>;

const answerCallSchema = z.object({
  id: z.string(),
  type: z.literal("function"),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

const candidateSchema = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().int()),
});

const logprobsSchema = z
  .object({
    content: z.array(candidateSchema.extend({ top_logprobs: z.array(candidateSchema) })),
    refusal: z.null(),
  })
  .nullable()
  .openapi({
    description: "When asked for: how likely the model held each token, before temperature and constraints.",
  });
type Logprobs = z.infer<typeof logprobsSchema>;

const finishReasonSchema = z.enum(["stop", "length", "tool_calls"]);

export const chatCompletionSchema = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.number().int().openapi({ description: "Unix time in seconds." }),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.number().int(),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string().nullable(),
          reasoning_content: z.string().optional().openapi({ description: "What a reasoning model thought first." }),
          refusal: z.null(),
          tool_calls: z.array(answerCallSchema).optional(),
        }),
        logprobs: logprobsSchema,
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
        index: z.number().int(),
        delta: z.object({
          role: z.literal("assistant").optional(),
          content: z.string().nullable().optional(),
          reasoning_content: z.string().optional(),
          refusal: z.null().optional(),
          tool_calls: z.array(answerCallSchema.extend({ index: z.number().int() })).optional(),
        }),
        logprobs: logprobsSchema,
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

export function answerHead(model: string, prefix = "chatcmpl"): AnswerHead {
  const id = `${prefix}-${crypto.randomUUID().replaceAll("-", "")}`;
  return { id, created: Math.floor(Date.now() / 1000), model };
}

/** The whole answer at once. Throws PorchlightError when the stream ends with an error, or without an end. */
export async function collectCompletion(
  head: AnswerHead,
  events: AsyncIterable<GenerateEvent>,
): Promise<ChatCompletion> {
  let content = "";
  let reasoning = "";
  let usage = toUsage(undefined);
  const calls: z.infer<typeof answerCallSchema>[] = [];
  const logprobs: TokenLogprob[] = [];
  for await (const event of events) {
    if (event.type === "text") {
      content += event.text;
      logprobs.push(...(event.logprobs ?? []));
    } else if (event.type === "reasoning") reasoning += event.text;
    else if (event.type === "tool_call") calls.push(toCall(event));
    else if (event.type === "usage") usage = toUsage(event);
    else if (event.type === "error") throw PorchlightError.fromWire(event.error);
    else if (event.type === "finish") {
      const text = content === "" && calls.length > 0 ? null : content;
      const toolCalls = calls.length === 0 ? {} : { tool_calls: calls };
      const thoughts = reasoning === "" ? {} : { reasoning_content: reasoning };
      const message = { role: "assistant" as const, content: text, ...thoughts, refusal: null, ...toolCalls };
      const choice = { index: 0, message, logprobs: toLogprobs(logprobs), finish_reason: event.reason };
      return { ...ordered(head, "chat.completion" as const), choices: [choice], usage };
    }
  }
  throw new PorchlightError("internal", undefined, { cause: new Error("The events ended without finish or error.") });
}

/** The answer that has the one choice of each of some answers to the same prompt, at least one. */
export function joinCompletions(head: AnswerHead, completions: readonly ChatCompletion[]): ChatCompletion {
  const usages = completions.map(({ usage }) => usage);
  const choices = completions.flatMap((completion, index) =>
    completion.choices.map((choice) => ({ ...choice, index })),
  );
  return { ...ordered(head, "chat.completion" as const), choices, usage: joinUsages(usages) };
}

/** The prompt counts once, as OpenAI counts it. */
export function joinUsages(usages: readonly Usage[]): Usage {
  const [first = toUsage(undefined)] = usages;
  const completion = usages.reduce((total, usage) => total + usage.completion_tokens, 0);
  const reasoning = usages.reduce(
    (total, usage) => total + (usage.completion_tokens_details?.reasoning_tokens ?? 0),
    0,
  );
  return {
    ...first,
    completion_tokens: completion,
    total_tokens: first.prompt_tokens + completion,
    ...(first.completion_tokens_details ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {}),
  };
}

/** Encodes one answer's events as server-sent events in OpenAI's chunks. What is the same in every chunk is made once. */
export class ChatChunkEncoder {
  readonly #head: string;
  readonly #tail: string;
  readonly #includeUsage: boolean;
  readonly #choices: number;
  readonly #started = new Set<number>();
  #finished = 0;
  #ended = false;
  readonly #usages: Usage[] = [];

  /** @param options.choices how many generations make up the answer; 1 if absent */
  constructor(head: AnswerHead, options: { includeUsage: boolean; choices?: number }) {
    const constant = JSON.stringify(ordered(head, "chat.completion.chunk")).slice(0, -1);
    this.#head = `data: ${constant},"choices":[`;
    this.#includeUsage = options.includeUsage;
    this.#choices = options.choices ?? 1;
    this.#tail = options.includeUsage ? `],"usage":null}\n\n` : `]}\n\n`;
  }

  /** The text to send for one event of a choice; empty for those that have no chunk. */
  encode(event: GenerateEvent, choice = 0): string {
    switch (event.type) {
      case "text": {
        const logprobs = toLogprobs(event.logprobs ?? []);
        return this.#opening(choice) + this.#chunk(choice, `{"content":${JSON.stringify(event.text)}}`, { logprobs });
      }
      case "reasoning":
        return this.#opening(choice) + this.#chunk(choice, `{"reasoning_content":${JSON.stringify(event.text)}}`);
      case "tool_call": {
        const delta = JSON.stringify({ tool_calls: [{ index: event.index, ...toCall(event) }] });
        return this.#opening(choice) + this.#chunk(choice, delta);
      }
      case "usage":
        this.#usages.push(toUsage(event));
        break;
      case "finish":
        this.#finished++;
        this.#ended = this.#finished === this.#choices;
        return (
          this.#opening(choice) +
          this.#chunk(choice, "{}", { reason: event.reason }) +
          (this.#ended ? this.#usageChunk() : "")
        );
      case "error":
        return this.fail(event.error);
      case "plugin":
        return event.plugin.step === "usage" ? "" : this.#opening(choice) + this.#pluginChunk(choice, event.plugin);
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

  #opening(choice: number): string {
    if (this.#started.has(choice)) return "";
    this.#started.add(choice);
    return this.#chunk(choice, `{"role":"assistant","content":"","refusal":null}`);
  }

  #chunk(choice: number, delta: string, more: { logprobs?: Logprobs; reason?: string } = {}): string {
    const reason = more.reason === undefined ? "null" : `"${more.reason}"`;
    const logprobs = more.logprobs ? JSON.stringify(more.logprobs) : "null";
    return `${this.#head}{"index":${choice},"delta":${delta},"logprobs":${logprobs},"finish_reason":${reason}}${this.#tail}`;
  }

  /** SDKs see an empty chunk: the member that only clients of ours know is beside what they read. */
  #pluginChunk(choice: number, { tokens: _tokens, ...step }: PluginStep & { tokens?: unknown }): string {
    const chunk = this.#chunk(choice, "{}");
    return `${chunk.slice(0, -"}\n\n".length)},"porchlight":${JSON.stringify(step)}}\n\n`;
  }

  #usageChunk(): string {
    return this.#includeUsage ? `${this.#head}],"usage":${JSON.stringify(joinUsages(this.#usages))}}\n\n` : "";
  }
}

function ordered<Kind extends string>({ id, created, model }: AnswerHead, object: Kind) {
  return { id, object, created, model };
}

function toCall({ call }: ToolCallEvent): z.infer<typeof answerCallSchema> {
  return { id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } };
}

/** null where there are none: they were not asked for, or the answer has no text. */
function toLogprobs(tokens: readonly TokenLogprob[]): Logprobs {
  if (tokens.length === 0) return null;
  const content = tokens.map(({ top, ...chosen }) => ({ ...chosen, top_logprobs: top }));
  return { content, refusal: null };
}

export function toUsage(event: UsageEvent | undefined): Usage {
  const prompt = event?.promptTokens ?? 0;
  const completion = event?.completionTokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: event?.cachedTokens ?? 0 },
    ...(event?.reasoningTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: event.reasoningTokens } }),
  };
}
