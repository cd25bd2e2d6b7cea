import type { GenerateEvent } from "../../../inference/event.ts";
import type { OutputItem, ResponseBody } from "./response.ts";

/** The events of a response that was answered, in as few pieces as can be. */
export function* eventsOf({ output, usage, status }: ResponseBody): Generator<GenerateEvent> {
  for (const item of output) yield* eventsOfItem(item);
  if (usage !== null) {
    yield {
      type: "usage",
      promptTokens: usage.input_tokens,
      completionTokens: usage.output_tokens,
      cachedTokens: usage.input_tokens_details.cached_tokens,
      reasoningTokens: usage.output_tokens_details.reasoning_tokens,
    };
  }
  yield { type: "finish", reason: status === "incomplete" ? "length" : "stop" };
}

function* eventsOfItem(item: OutputItem): Generator<GenerateEvent> {
  if (item.type === "function_call") {
    const { call_id: id, name } = item;
    yield { type: "tool_call", index: 0, call: { id, name, arguments: item.arguments } };
  } else if (item.type === "reasoning") {
    for (const { text } of item.content) yield { type: "reasoning", text };
  } else {
    for (const { text, logprobs } of item.content) {
      const tokens = logprobs.map(({ top_logprobs: top, ...chosen }) => ({ ...chosen, top }));
      yield { type: "text", text, ...(tokens.length === 0 ? {} : { logprobs: tokens }) };
    }
  }
}
