import { PorchlightError, type WireError } from "../../../errors.ts";
import type { GenerateEvent } from "../../../inference/event.ts";
import { errorBody } from "../../errors.ts";
import {
  type CallItem,
  type MessageItem,
  newId,
  type OutputItem,
  type ReasoningItem,
  type ResponseBody,
  toLogprobs,
  toUsage,
} from "./response.ts";

/**
 * Builds one answer from its events, and encodes each as OpenAI's Responses API streams it: the response begins; its items come one
 * after the other, each added, filled and done; the response ends as a whole. An `error` may come in place of all that is left.
 */
export class ResponseEncoder {
  readonly response: ResponseBody;
  #sequence = 0;
  #started = false;
  #ended = false;
  /** The item that is being filled; calls come whole. */
  #open: MessageItem | ReasoningItem | undefined;
  #usage: Extract<GenerateEvent, { type: "usage" }> | undefined;

  constructor(response: ResponseBody) {
    this.response = response;
  }

  /** The text to send for one event; empty for those that have nothing of their own. */
  encode(event: GenerateEvent): string {
    switch (event.type) {
      case "progress":
        break;
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
        return this.fail(event.error);
    }
    return "";
  }

  /** An error ends the answer: a client's SDK raises it where it reads. */
  fail(error: WireError): string {
    this.#ended = true;
    const { error: body } = errorBody(PorchlightError.fromWire(error));
    const { code, message, param } = body;
    return this.#event("error", { code, message, param, error: body });
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

  #event(type: string, fields: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...fields })}\n\n`;
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    const { response } = this;
    return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
  }

  /** Where the open item is. */
  #place(): { item_id: string; output_index: number } {
    return { item_id: this.#open?.id ?? "", output_index: this.response.output.length - 1 };
  }

  #add(item: OutputItem): string {
    this.response.output.push(item);
    return this.#event("response.output_item.added", { output_index: this.response.output.length - 1, item });
  }

  #fillText({ text, logprobs: tokens = [] }: Extract<GenerateEvent, { type: "text" }>): string {
    let before = "";
    if (this.#open?.type !== "message") {
      before = this.#close("completed");
      this.#open = { type: "message", id: newId("msg"), status: "in_progress", role: "assistant", content: [] };
      before += this.#add(this.#open) + this.#addPart({ type: "output_text", text: "", annotations: [], logprobs: [] });
      this.#open.content = [{ type: "output_text", text: "", annotations: [], logprobs: [] }];
    }
    const [part] = this.#open.content;
    const logprobs = toLogprobs(tokens);
    if (part) {
      part.text += text;
      part.logprobs.push(...logprobs);
    }
    const delta = { ...this.#place(), content_index: 0, delta: text, logprobs };
    return before + this.#event("response.output_text.delta", delta);
  }

  #fillReasoning(text: string): string {
    let before = "";
    if (this.#open?.type !== "reasoning") {
      before = this.#close("completed");
      this.#open = { type: "reasoning", id: newId("rs"), status: "in_progress", summary: [], content: [] };
      before += this.#add(this.#open) + this.#addPart({ type: "reasoning_text", text: "" });
      this.#open.content = [{ type: "reasoning_text", text: "" }];
    }
    const [part] = this.#open.content;
    if (part) part.text += text;
    return before + this.#event("response.reasoning_text.delta", { ...this.#place(), content_index: 0, delta: text });
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

  #call({ call }: Extract<GenerateEvent, { type: "tool_call" }>): string {
    const { id: call_id, name } = call;
    const item: CallItem = {
      type: "function_call",
      id: newId("fc"),
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
