import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { GenerateRequest, Message, ToolCall } from "../../../../shared/inference/request.ts";

/** The calls of a round, in order. Of two with the same id the first is meant. */
export function callsOf(events: readonly GenerateEvent[]): ToolCall[] {
  const calls = new Map<string, ToolCall>();
  for (const event of events) {
    if (event.type !== "plugin" || event.plugin.step !== "call") continue;
    const { call } = event.plugin;
    if (!calls.has(call.id)) calls.set(call.id, call);
  }
  return [...calls.values()];
}

/** What the model is told of each call that came to an end, by the call's id. */
export function resultsOf(events: readonly GenerateEvent[]): Map<string, string> {
  const results = new Map<string, string>();
  for (const event of events) {
    if (event.type === "plugin" && event.plugin.step === "result")
      results.set(event.plugin.callId, event.plugin.content);
  }
  return results;
}

/**
 * One round as messages: what the model said, its calls that came to an end, and what came of each. Empty where it has said nothing, and
 * none did.
 */
export function roundMessages(events: readonly GenerateEvent[]): Message[] {
  let content = "";
  let reasoning = "";
  for (const event of events) {
    if (event.type === "text") content += event.text;
    else if (event.type === "reasoning") reasoning += event.text;
  }
  const results = resultsOf(events);
  const toolCalls = callsOf(events).filter(({ id }) => results.has(id));
  if (content === "" && reasoning === "" && toolCalls.length === 0) return [];
  const thought = reasoning === "" ? {} : { reasoning };
  const called = toolCalls.length === 0 ? {} : { toolCalls };
  const told = toolCalls.map(({ id }): Message => ({ role: "tool", toolCallId: id, content: results.get(id) ?? "" }));
  return [{ role: "assistant", content, ...thought, ...called }, ...told];
}

/** An answer's events by rounds. What is said after a round's end belongs to the next, but for what came of its calls. */
export function roundsOf(events: readonly GenerateEvent[]): GenerateEvent[][] {
  const rounds: GenerateEvent[][] = [[]];
  let isOver = false;
  for (const event of events) {
    const step = event.type === "plugin" ? event.plugin.step : undefined;
    if (isOver && step !== "result" && step !== "approval") {
      isOver = false;
      rounds.push([]);
    }
    if (step === "round") isOver = true;
    rounds.at(-1)?.push(event);
  }
  return rounds;
}

/** The request of the next round. What was forced is not forced again, and the last round has to answer. @param mayCall whether it may call tools */
export function nextRequest(
  { toolChoice: _forced, ...request }: GenerateRequest,
  events: readonly GenerateEvent[],
  mayCall: boolean,
): GenerateRequest {
  const messages = [...request.messages, ...roundMessages(events)];
  return { ...request, messages, ...(mayCall ? {} : { toolChoice: "none" as const }) };
}
