import type { GenerateRequest, Message } from "../../../../shared/inference/request.ts";
import { systemMessage } from "./system-text.ts";
import { estimatePromptTokens } from "./tokens.ts";
import type { Trace } from "./trace.ts";

/**
 * The same question with less around it, after a machine found it too long: half of the turns, then none of them; then without pieces;
 * then without the summary. Undefined where nothing is left that could go: what a person set down for the model is not given up.
 */
export function shorten(
  request: GenerateRequest,
  trace: Trace,
): { request: GenerateRequest; trace: Trace } | undefined {
  const turns = turnsOf(request.messages);
  const asked = turns.pop();
  if (asked === undefined) return undefined;
  const next = { ...trace, shortened: trace.shortened + 1 };
  let kept: Message[][] = [];
  if (turns.length > 0) {
    kept = turns.slice(Math.ceil(turns.length / 2));
    const { window } = trace;
    // Turns that were never answered are in the window without having been sent: about the same half of it goes.
    const from =
      kept.length === 0 ? window.to : window.to - Math.floor(((window.to - window.from) * kept.length) / turns.length);
    next.window = { ...window, from, withoutRoom: window.withoutRoom + (from - window.from) };
  } else if (trace.retrieval.pieces.length > 0) next.retrieval = { ...trace.retrieval, pieces: [] };
  else if (trace.summary !== null) next.summary = null;
  else return undefined;
  const { instructions, facts, summary, retrieval } = next;
  const messages = [
    ...systemMessage({ instructions, facts, summary, pieces: retrieval.pieces }),
    ...kept.flat(),
    ...asked,
  ];
  return { request: { ...request, messages }, trace: { ...next, estimatedTokens: estimatePromptTokens(messages) } };
}

/** Messages by turns: each begins with the user's; what stands before the first belongs to none. */
function turnsOf(messages: readonly Message[]): Message[][] {
  const turns: Message[][] = [];
  for (const message of messages) {
    if (message.role === "user") turns.push([message]);
    else turns.at(-1)?.push(message);
  }
  return turns;
}
