import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { Message } from "../../../shared/inference/request.ts";

/** A whole answer as a message of a session, and what it took. */
export function answerOf(events: readonly GenerateEvent[]) {
  let content = "";
  let reasoning = "";
  let usage: { promptTokens: number; completionTokens: number } | undefined;
  for (const event of events) {
    if (event.type === "text") content += event.text;
    if (event.type === "reasoning") reasoning += event.text;
    if (event.type === "usage") usage = { promptTokens: event.promptTokens, completionTokens: event.completionTokens };
  }
  const message: Message = { role: "assistant", content, ...(reasoning === "" ? {} : { reasoning }) };
  return { message, content, usage };
}
