import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { Message, ToolCall } from "../../../../shared/inference/request.ts";
import type { TurnUsage } from "../../../../shared/sessions/turn.ts";
import { roundMessages, roundsOf } from "../../plugins/loop/next-request.ts";
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
    const { usage } = answerOf(outcome.events);
    return {
      messages: [asked, ...saidIn(outcome.events, true)],
      state: "complete",
      ...(usage === undefined ? {} : { usage }),
    };
  }
  const messages = [asked, ...saidIn(outcome.partial, false)];
  if (outcome.error.code === "cancelled") return { messages, state: "cancelled" };
  return { messages, state: "failed", error: outcome.error };
}

/** What was said: rounds of calls with what came of them, then the answer. */
function saidIn(events: readonly GenerateEvent[], isWhole: boolean): Message[] {
  const rounds = roundsOf(events);
  const { message } = answerOf(rounds.at(-1) ?? []);
  const before = rounds.slice(0, -1).flatMap(roundMessages);
  const hasCalls = rounds.at(-1)?.some((event) => event.type === "plugin" && event.plugin.step === "call") === true;
  // It broke off at its calls: those that came to an end are told.
  if (!isWhole && hasCalls) return [...before, ...roundMessages(rounds.at(-1) ?? [])];
  const hasBegun = message.content !== "" || (message.role === "assistant" && message.reasoning !== undefined);
  return isWhole || hasBegun ? [...before, message] : before;
}
