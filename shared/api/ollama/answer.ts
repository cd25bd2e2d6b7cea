import { z } from "@hono/zod-openapi";
import { PorchlightError, type WireError } from "../../errors.ts";
import type { GenerateEvent } from "../../inference/event.ts";
import type { TokenLogprob } from "../../inference/output-format.ts";
import { ollamaError } from "./errors.ts";

const nanoseconds = z.number().int().optional();
const logprobSchema = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.number()) });

/** What comes with the last line. */
const endSchema = {
  done_reason: z.enum(["stop", "length", "load", "unload"]).optional(),
  total_duration: nanoseconds.openapi({ description: "From the request to the end, in nanoseconds." }),
  load_duration: nanoseconds.openapi({ description: "Of it, loading the model." }),
  prompt_eval_count: z.number().int().optional().openapi({ description: "Tokens of the prompt." }),
  prompt_eval_duration: nanoseconds.openapi({
    description: "From the model's taking of the request to the first token.",
  }),
  eval_count: z.number().int().optional().openapi({ description: "Tokens of the answer." }),
  eval_duration: nanoseconds.openapi({ description: "From the first token to the end." }),
};
const headSchema = { model: z.string(), created_at: z.string(), done: z.boolean() };
const logprobsSchema = z.array(logprobSchema.extend({ top_logprobs: z.array(logprobSchema) })).optional();

const answerCallSchema = z.object({
  id: z.string(),
  function: z.object({ index: z.number().int(), name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
});

export const ollamaChatAnswerSchema = z
  .object({
    ...headSchema,
    message: z.object({
      role: z.literal("assistant"),
      content: z.string(),
      thinking: z.string().optional().openapi({ description: "What a reasoning model thought first." }),
      tool_calls: z.array(answerCallSchema).optional(),
    }),
    logprobs: logprobsSchema,
    ...endSchema,
  })
  .openapi("OllamaChatAnswer", { description: "The answer, or one line of it." });

export const ollamaGenerateAnswerSchema = z
  .object({
    ...headSchema,
    response: z.string(),
    thinking: z.string().optional(),
    logprobs: logprobsSchema,
    ...endSchema,
  })
  .openapi("OllamaGenerateAnswer", { description: "The answer, or one line of it." });

type Call = z.infer<typeof answerCallSchema>;
type Logprobs = z.infer<typeof logprobsSchema>;

/** A piece of an answer: of a stream the new text, of a whole answer all of it. */
interface Piece {
  text: string;
  thinking: string;
  calls: Call[];
}

const NOTHING: Piece = { text: "", thinking: "", calls: [] };

/** How each way of asking writes a piece. */
export type Shape = (piece: Piece) => object;
export const chatShape: Shape = ({ text, thinking, calls }) => ({
  message: {
    role: "assistant",
    content: text,
    ...(thinking === "" ? {} : { thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  },
});
export const generateShape: Shape = ({ text, thinking }) => ({
  response: text,
  ...(thinking === "" ? {} : { thinking }),
});

const NANOSECONDS_PER_MS = 1e6;
const toNanoseconds = (ms: number): number => Math.round(ms * NANOSECONDS_PER_MS);

/** Encodes one answer's events as Ollama's objects. */
export class OllamaEncoder {
  readonly #model: string;
  readonly #shape: Shape;
  readonly #startedMs = performance.now();
  #loadingSinceMs: number | undefined;
  #loadMs = 0;
  #usage: Extract<GenerateEvent, { type: "usage" }> | undefined;
  #ended = false;

  /** @param model as the client named it */
  constructor(model: string, shape: Shape) {
    this.#model = model;
    this.#shape = shape;
  }

  /** The line to send for one event; empty for those that have none. */
  encode(event: GenerateEvent): string {
    if (event.type === "error") return this.fail(event.error);
    const object = this.#object(event);
    return object === undefined ? "" : line(object);
  }

  /** The whole answer at once. Throws PorchlightError when the stream ends with an error, or without an end. */
  async collect(events: AsyncIterable<GenerateEvent>): Promise<object> {
    const whole: Piece = { ...NOTHING, calls: [] };
    const logprobs: TokenLogprob[] = [];
    for await (const event of events) {
      if (event.type === "error") throw PorchlightError.fromWire(event.error);
      if (event.type === "text") {
        whole.text += event.text;
        logprobs.push(...(event.logprobs ?? []));
      } else if (event.type === "reasoning") whole.thinking += event.text;
      else if (event.type === "tool_call") whole.calls.push(toCall(event));
      const end = this.#object(event);
      if (event.type === "finish") return { ...end, ...this.#shape(whole), ...toLogprobs(logprobs) };
    }
    throw new PorchlightError("internal", undefined, { cause: new Error("The events ended without finish or error.") });
  }

  /** An answer that was about nothing but loading. */
  loaded(reason: "load" | "unload"): object {
    this.#ended = true;
    return { ...this.#piece(NOTHING, true), done_reason: reason };
  }

  /** An error ends the answer: a client raises it where it reads. */
  fail(error: WireError): string {
    this.#ended = true;
    return line(ollamaError(error));
  }

  /** What comes after the last event. */
  end(): string {
    return this.#ended ? "" : this.fail(new PorchlightError("internal").toWire());
  }

  #object(event: Exclude<GenerateEvent, { type: "error" }>): object | undefined {
    this.#noteLoading(event);
    switch (event.type) {
      case "text":
        return { ...this.#piece({ ...NOTHING, text: event.text }), ...toLogprobs(event.logprobs ?? []) };
      case "reasoning":
        return this.#piece({ ...NOTHING, thinking: event.text });
      case "tool_call":
        return this.#piece({ ...NOTHING, calls: [toCall(event)] });
      case "usage":
        this.#usage = event;
        return undefined;
      case "finish":
        this.#ended = true;
        return { ...this.#piece(NOTHING, true), ...this.#ending(event.reason) };
      case "progress":
      case "plugin":
        break;
    }
    return undefined;
  }

  #piece(piece: Piece, done = false): object {
    return { model: this.#model, created_at: new Date().toISOString(), ...this.#shape(piece), done };
  }

  #ending(reason: "stop" | "length" | "tool_calls"): object {
    const { promptTokens, completionTokens, promptMs, completionMs } = this.#usage ?? {};
    return {
      done_reason: reason === "length" ? reason : "stop",
      total_duration: toNanoseconds(performance.now() - this.#startedMs),
      load_duration: toNanoseconds(this.#loadMs),
      prompt_eval_count: promptTokens,
      ...(promptMs === undefined ? {} : { prompt_eval_duration: toNanoseconds(promptMs) }),
      eval_count: completionTokens,
      ...(completionMs === undefined ? {} : { eval_duration: toNanoseconds(completionMs) }),
    };
  }

  /** Loading goes on from the first sign of it to the next event of another kind. */
  #noteLoading(event: GenerateEvent): void {
    if (event.type === "progress" && event.stage === "loading") this.#loadingSinceMs ??= performance.now();
    else if (this.#loadingSinceMs !== undefined) {
      this.#loadMs += performance.now() - this.#loadingSinceMs;
      this.#loadingSinceMs = undefined;
    }
  }
}

function line(object: object): string {
  return `${JSON.stringify(object)}\n`;
}

/** The engine's arguments are always a JSON object. */
function toCall({ index, call }: Extract<GenerateEvent, { type: "tool_call" }>): Call {
  const given = z.record(z.string(), z.unknown()).parse(JSON.parse(call.arguments));
  return { id: call.id, function: { index, name: call.name, arguments: given } };
}

function toLogprobs(tokens: readonly TokenLogprob[]): { logprobs?: Logprobs } {
  return tokens.length === 0 ? {} : { logprobs: tokens.map(({ top, ...token }) => ({ ...token, top_logprobs: top })) };
}
