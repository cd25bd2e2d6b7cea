import { PorchlightError, type WireError } from "../../../errors.ts";
import type { GenerateEvent, PluginStep } from "../../../inference/event.ts";
import { errorBody } from "../../errors.ts";
import {
  type CallItem,
  itemId,
  type MessageItem,
  type OutputItem,
  type ReasoningItem,
  type ResponseBody,
  toLogprobs,
  toUsage,
} from "./response.ts";

/**
 * Builds one answer from its events, and encodes each as OpenAI's Responses API streams it: the response begins; its items come one
 * after the other, each added, filled and done; the response ends as a whole. An `error` may come in place of all that is left.
 *
 * Numbers of events count characters: one of text takes as many as it has, every other takes one. So an answer has the same numbers
 * in whatever pieces it comes, and may be gone on with behind any of them, also when its pieces were put together since.
 */
export class ResponseEncoder {
  readonly response: ResponseBody;
  readonly #after: number;
  /** The next event's number. */
  #sequence = 0;
  #started = false;
  #ended = false;
  /** The item that is being filled; calls come whole. */
  #open: MessageItem | ReasoningItem | undefined;
  #usage: Extract<GenerateEvent, { type: "usage" }> | undefined;

  /** @param after number of the last event that the client has: what comes before is left out; -1 for none */
  constructor(response: ResponseBody, after = -1) {
    this.response = response;
    this.#after = after;
  }

  /** What says that the response waits; for those in the background. */
  queue(): string {
    const { response } = this;
    return this.#event("response.created", { response }) + this.#event("response.queued", { response });
  }

  /** The text to send for one event; empty for those that have nothing of their own. */
  encode(event: GenerateEvent): string {
    switch (event.type) {
      case "progress":
        break;
      case "plugin":
        return event.plugin.step === "usage" ? "" : this.#start() + this.#step(event.plugin);
      case "reasoning":
        return this.#start() + this.#fillReasoning(event.text);
      case "text":
        return this.#start() + this.#fillText(event);
      case "tool_call":
        return this.#start() + this.#close("completed") + this.#call(event);
      case "usage":
        this.#usage = event;
        break;
      case "finish":
        return this.#start() + this.#finish(event.reason);
      case "error":
        return this.#start() + this.#fail(event.error);
    }
    return "";
  }

  /** An error ends the stream: a client's SDK raises it where it reads. */
  fail(error: WireError): string {
    this.#ended = true;
    const { error: body } = errorBody(PorchlightError.fromWire(error));
    const { code, message, param } = body;
    return this.#event("error", { code, message, param, error: body });
  }

  /** The answer has failed. In the background that is a state, as which it can be read again. */
  #fail(error: WireError): string {
    const { response } = this;
    response.status = error.code === "cancelled" ? "cancelled" : "failed";
    response.error = { code: error.code, message: error.message };
    if (!response.background) return this.fail(error);
    this.#ended = true;
    return this.#event("response.failed", { response });
  }

  /** What comes after the last event. */
  end(): string {
    return this.#ended ? "" : this.fail(new PorchlightError("internal").toWire());
  }

  /** Reads to the end, without streaming. Throws PorchlightError when that is an error, or does not come. */
  async collect(events: AsyncIterable<GenerateEvent>): Promise<ResponseBody> {
    for await (const event of events) {
      if (event.type === "error") throw PorchlightError.fromWire(event.error);
      this.encode(event);
      if (event.type === "finish") return this.response;
    }
    throw new PorchlightError("internal", undefined, { cause: new Error("The events ended without finish or error.") });
  }

  #event(type: string, fields: object, characters = 1): string {
    this.#sequence += characters;
    const sequence_number = this.#sequence - 1;
    if (sequence_number <= this.#after) return "";
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`;
  }

  /** Text that is new to the client, of an event of as many numbers. */
  #delta(type: string, text: string, logprobs?: Logprobs): string {
    if (text === "") return "";
    const known = Math.max(0, this.#after + 1 - this.#sequence);
    const delta = text.slice(known);
    const rest = logprobs === undefined ? {} : { logprobs: withoutFirst(logprobs, known) };
    return this.#event(type, { ...this.#place(), content_index: 0, delta, ...rest }, text.length);
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const { response } = this;
    if (!response.background) {
      return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
    }
    response.status = "in_progress";
    return this.#event("response.in_progress", { response });
  }

  /** Where the open item is. */
  #place(): { item_id: string; output_index: number } {
    return { item_id: this.#open?.id ?? "", output_index: this.response.output.length - 1 };
  }

  #itemId(prefix: "msg" | "rs" | "fc"): string {
    return itemId(prefix, this.response.id, this.response.output.length);
  }

  #add(item: OutputItem): string {
    this.response.output.push(item);
    return this.#event("response.output_item.added", { output_index: this.response.output.length - 1, item });
  }

  #fillText({ text, logprobs: tokens = [] }: Extract<GenerateEvent, { type: "text" }>): string {
    let before = "";
    if (this.#open?.type !== "message") {
      before = this.#close("completed");
      this.#open = { type: "message", id: this.#itemId("msg"), status: "in_progress", role: "assistant", content: [] };
      before += this.#add(this.#open) + this.#addPart({ type: "output_text", text: "", annotations: [], logprobs: [] });
      this.#open.content = [{ type: "output_text", text: "", annotations: [], logprobs: [] }];
    }
    const [part] = this.#open.content;
    const logprobs = toLogprobs(tokens);
    if (part) {
      part.text += text;
      part.logprobs.push(...logprobs);
    }
    return before + this.#delta("response.output_text.delta", text, logprobs);
  }

  #fillReasoning(text: string): string {
    let before = "";
    if (this.#open?.type !== "reasoning") {
      before = this.#close("completed");
      this.#open = { type: "reasoning", id: this.#itemId("rs"), status: "in_progress", summary: [], content: [] };
      before += this.#add(this.#open) + this.#addPart({ type: "reasoning_text", text: "" });
      this.#open.content = [{ type: "reasoning_text", text: "" }];
    }
    const [part] = this.#open.content;
    if (part) part.text += text;
    return before + this.#delta("response.reasoning_text.delta", text);
  }

  #addPart(part: object): string {
    return this.#event("response.content_part.added", { ...this.#place(), content_index: 0, part });
  }

  /** Ends the item that is open, if one is. */
  #close(status: "completed" | "incomplete"): string {
    const item = this.#open;
    if (item === undefined) return "";
    const [part] = item.content;
    const where = { ...this.#place(), content_index: 0 };
    const done =
      part?.type === "output_text"
        ? this.#event("response.output_text.done", { ...where, text: part.text, logprobs: part.logprobs })
        : this.#event("response.reasoning_text.done", { ...where, text: part?.text });
    item.status = status;
    const closed =
      done +
      this.#event("response.content_part.done", { ...where, part }) +
      this.#event("response.output_item.done", { output_index: where.output_index, item });
    this.#open = undefined;
    return closed;
  }

  /**
   * A member that SDKs do not know, of an event that they pass over: one of an unknown kind ends OpenAI's own. It has the number of the event before it: an answer that is told again from what
   * was stored of it has none of these, and the same numbers.
   */
  #step({ tokens: _tokens, ...step }: PluginStep & { tokens?: unknown }): string {
    if (this.#sequence <= this.#after) return "";
    const event = { type: "keepalive", sequence_number: this.#sequence - 1, porchlight: step };
    return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  }

  #call({ call }: Extract<GenerateEvent, { type: "tool_call" }>): string {
    const { id: call_id, name } = call;
    const item: CallItem = {
      type: "function_call",
      id: this.#itemId("fc"),
      status: "in_progress",
      call_id,
      name,
      arguments: "",
    };
    const added = this.#add(item);
    const where = { item_id: item.id, output_index: this.response.output.length - 1 };
    item.arguments = call.arguments;
    item.status = "completed";
    return (
      added +
      this.#event("response.function_call_arguments.delta", { ...where, delta: call.arguments }) +
      this.#event("response.function_call_arguments.done", { ...where, name, arguments: call.arguments }) +
      this.#event("response.output_item.done", { output_index: where.output_index, item })
    );
  }

  #finish(reason: "stop" | "length" | "tool_calls"): string {
    const status = reason === "length" ? "incomplete" : "completed";
    const closed = this.#close(status);
    this.#ended = true;
    this.response.status = status;
    this.response.usage = toUsage(this.#usage);
    if (status === "incomplete") this.response.incomplete_details = { reason: "max_output_tokens" };
    return closed + this.#event(`response.${status}`, { response: this.response });
  }
}

type Logprobs = ReturnType<typeof toLogprobs>;

/** Without the tokens that lie in the first characters. */
function withoutFirst(logprobs: Logprobs, characters: number): Logprobs {
  let passed = 0;
  return logprobs.filter(({ token }) => {
    passed += token.length;
    return passed > characters;
  });
}
