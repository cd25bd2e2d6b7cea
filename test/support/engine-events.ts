import type { GenerateEvent } from "../../shared/inference/event.ts";
import type { GenerateRequest, Message, ToolCall } from "../../shared/inference/request.ts";

/** What a generation came to. Reading it checks the order stated at GenerateEvent. */
export interface Answer {
  text: string;
  reasoning: string;
  calls: ToolCall[];
  usage: Extract<GenerateEvent, { type: "usage" }> | null;
  finish: "stop" | "length" | "tool_calls" | null;
  error: Extract<GenerateEvent, { type: "error" }>["error"] | null;
  progress: Extract<GenerateEvent, { type: "progress" }>[];
}

const RANK: Record<GenerateEvent["type"], number> = {
  progress: 0,
  reasoning: 1,
  text: 2,
  tool_call: 2,
  usage: 3,
  finish: 4,
  error: 5,
  // No machine says it.
  plugin: Number.NaN,
};

/** Gathers events into an answer and refuses those out of order. */
export function createAnswerReader(): { answer: Answer; push(event: GenerateEvent): void; isDone(): boolean } {
  const answer: Answer = { text: "", reasoning: "", calls: [], usage: null, finish: null, error: null, progress: [] };
  let last: GenerateEvent["type"] = "progress";
  return {
    answer,
    isDone: () => answer.finish !== null || answer.error !== null,
    push: (event) => {
      if (RANK[event.type] < RANK[last] || RANK[last] > 3 || (event.type === "usage" && last === "usage")) {
        throw new Error(`${event.type} after ${last}`);
      }
      if (event.type === "finish" && last !== "usage") throw new Error("finish without usage");
      if (event.type === "plugin") throw new Error("an engine has no plugins");
      last = event.type;
      if (event.type === "progress") answer.progress.push(event);
      else if (event.type === "text") answer.text += event.text;
      else if (event.type === "reasoning") answer.reasoning += event.text;
      else if (event.type === "tool_call") {
        if (event.index !== answer.calls.length)
          throw new Error(`call ${event.index} after ${answer.calls.length} calls`);
        answer.calls.push(event.call);
      } else if (event.type === "usage") answer.usage = event;
      else if (event.type === "finish") answer.finish = event.reason;
      else answer.error = event.error;
    },
  };
}

export async function readAnswer(events: AsyncIterable<GenerateEvent>): Promise<Answer> {
  const reader = createAnswerReader();
  for await (const event of events) reader.push(event);
  if (!reader.isDone()) throw new Error("the stream ended with neither finish nor error");
  return reader.answer;
}

/** A request to the starter for a user's message or a conversation; greedy unless told otherwise. */
export function ask(messages: string | Message[], changes: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    model: "starter",
    messages: typeof messages === "string" ? [{ role: "user", content: messages }] : messages,
    sampling: {},
    ...changes,
  };
}

/** Messages of a prompt in the starter's format that holds no tool calls. */
export function parseChatMl(prompt: string): Message[] {
  const turns = prompt.matchAll(/<\|im_start\|>(system|user|assistant)\n([^]*?)<\|im_end\|>\n/gu);
  // The cast: the pattern's first group is one of these three roles.
  return Array.from(turns, ([, role, content = ""]) => ({ role: role as "system" | "user" | "assistant", content }));
}
