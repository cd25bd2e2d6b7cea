import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { Message, ToolCall } from "../../../../shared/inference/request.ts";
import type { TurnUsage } from "../../../../shared/sessions/turn.ts";
import type { RunOutcome } from "../../runs/new-run.ts";
import type { TurnEnd } from "../checked-turn.ts";

/** What an answer's events add up to. */
export function answerOf(events: readonly GenerateEvent[]): { message: Message; usage: TurnUsage | undefined } {
  let content = "";
  let reasoning = "";
  let usage: TurnUsage | undefined;
  const toolCalls: ToolCall[] = [];
  for (const event of events) {
    if (event.type === "text") content += event.text;
    else if (event.type === "reasoning") reasoning += event.text;
    else if (event.type === "tool_call") toolCalls.push(event.call);
    else if (event.type === "usage") {
      const { promptTokens, completionTokens, reasoningTokens, cachedTokens } = event;
      usage = {
        promptTokens,
        completionTokens,
        ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
        ...(cachedTokens === undefined ? {} : { cachedTokens }),
      };
    }
  }
  const thought = reasoning === "" ? {} : { reasoning };
  const called = toolCalls.length === 0 ? {} : { toolCalls };
  return { message: { role: "assistant", content, ...thought, ...called }, usage };
}

/** How a turn ends whose run came to this. What had come of an answer that broke off stays. */
export function endOfTurn(asked: Message, outcome: RunOutcome): TurnEnd {
  if ("events" in outcome) {
    const { message, usage } = answerOf(outcome.events);
    return { messages: [asked, message], state: "complete", ...(usage === undefined ? {} : { usage }) };
  }
  const { message } = answerOf(outcome.partial);
  const hasBegun = message.content !== "" || (message.role === "assistant" && message.reasoning !== undefined);
  const messages = hasBegun ? [asked, message] : [asked];
  if (outcome.error.code === "cancelled") return { messages, state: "cancelled" };
  return { messages, state: "failed", error: outcome.error };
}
