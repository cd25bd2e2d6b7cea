import { PorchlightError, type WireError } from "../../../errors.ts";
import type { GenerateEvent } from "../../../inference/event.ts";
import type { TokenLogprob } from "../../../inference/output-format.ts";
import { errorBody } from "../../errors.ts";
import { type AnswerHead, joinUsages, toUsage, type Usage } from "../chat-response.ts";
import { type CompletionLogprobs, toCompletionLogprobs } from "./logprobs.ts";
import type { Completion } from "./schema.ts";

/** Encodes the events of one or more continuations of a prompt as OpenAI's chunks. */
export class CompletionEncoder {
  readonly #head: AnswerHead;
  readonly #choices: number;
  readonly #includeUsage: boolean;
  readonly #usages: Usage[] = [];
  /** What is sent before a choice's continuation; sent already where it is empty. */
  readonly #echoes: string[];
  /** Characters of each choice so far. */
  readonly #lengths: number[];
  #finished = 0;
  #ended = false;

  constructor(head: AnswerHead, options: { choices: number; includeUsage: boolean; echo?: string }) {
    this.#head = head;
    this.#choices = options.choices;
    this.#includeUsage = options.includeUsage;
    this.#echoes = Array.from({ length: options.choices }, () => options.echo ?? "");
    this.#lengths = Array.from({ length: options.choices }, () => 0);
  }

  /** The text to send for one event of a choice; empty for those that have no chunk. */
  encode(event: GenerateEvent, choice: number): string {
    switch (event.type) {
      case "text":
        return this.#chunk([this.#piece(choice, event)]);
      case "usage":
        this.#usages.push(toUsage(event));
        return "";
      case "finish": {
        this.#finished += 1;
        this.#ended = this.#finished === this.#choices;
        const last = this.#chunk([toChoice(choice, this.#echo(choice), event.reason === "length" ? "length" : "stop")]);
        const usage = this.#ended && this.#includeUsage ? this.#chunk([], joinUsages(this.#usages)) : "";
        return last + usage;
      }
      case "error":
        return this.fail(event.error);
      // A text that is continued has neither thoughts nor calls.
      case "progress":
      case "reasoning":
      case "tool_call":
      case "plugin":
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

  #piece(choice: number, { text, logprobs }: TextEvent): Completion["choices"][number] {
    const offset = this.#lengths[choice] ?? 0;
    const piece = this.#echo(choice) + text;
    this.#lengths[choice] = offset + piece.length;
    return toChoice(choice, piece, null, logprobs === undefined ? null : toCompletionLogprobs(logprobs, offset));
  }

  /** The prompt, the first time. */
  #echo(choice: number): string {
    const echo = this.#echoes[choice] ?? "";
    this.#echoes[choice] = "";
    return echo;
  }

  #chunk(choices: Completion["choices"], usage: Usage | null = null): string {
    const chunk = { ...toObject(this.#head, choices), ...(this.#includeUsage ? { usage } : {}) };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }
}

/** The whole answer at once. Throws PorchlightError when one of the continuations ends with an error, or without an end. */
export async function collectCompletions(
  head: AnswerHead,
  generations: readonly AsyncIterable<GenerateEvent>[],
  echo = "",
): Promise<Completion> {
  const parts = await Promise.all(generations.map(async (events, index) => await collectChoice(events, index, echo)));
  const usage = joinUsages(parts.map((part) => part.usage));
  return {
    ...toObject(
      head,
      parts.map(({ choice }) => choice),
    ),
    usage,
  };
}

async function collectChoice(events: AsyncIterable<GenerateEvent>, index: number, echo: string) {
  let text = echo;
  const tokens: TokenLogprob[] = [];
  let usage = toUsage(undefined);
  for await (const event of events) {
    if (event.type === "text") {
      text += event.text;
      tokens.push(...(event.logprobs ?? []));
    } else if (event.type === "usage") usage = toUsage(event);
    else if (event.type === "error") throw PorchlightError.fromWire(event.error);
    else if (event.type === "finish") {
      const logprobs = tokens.length === 0 ? null : toCompletionLogprobs(tokens, echo.length);
      return { choice: toChoice(index, text, event.reason === "length" ? "length" : "stop", logprobs), usage };
    }
  }
  throw new PorchlightError("internal", undefined, { cause: new Error("The events ended without finish or error.") });
}

type TextEvent = Extract<GenerateEvent, { type: "text" }>;

function toChoice(
  index: number,
  text: string,
  finish_reason: "stop" | "length" | null,
  logprobs: CompletionLogprobs | null = null,
): Completion["choices"][number] {
  return { text, index, logprobs, finish_reason };
}

function toObject({ id, created, model }: AnswerHead, choices: Completion["choices"]): Completion {
  return { id, object: "text_completion", created, model, choices };
}
