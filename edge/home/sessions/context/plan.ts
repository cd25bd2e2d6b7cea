import type { Message } from "../../../../shared/inference/request.ts";
import type { SessionSummary } from "../../../../shared/sessions/session.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";
import type { Retrieval } from "./retrieval.ts";
import { systemMessage } from "./system-text.ts";
import { estimateMessageTokens, estimatePromptTokens } from "./tokens.ts";
import type { Trace } from "./trace.ts";

/** For which context the usual window is meant: one so many times as large takes so many times as many turns. */
const USUAL_CONTEXT = 8_192;
const MOST_GROWTH = 8;
/** Room for the answer where the request does not say. */
const ANSWER_TOKENS = 1_024;
/** Of the context, what an answer takes at most where nobody said. */
const ANSWER_PART = 4;
/** Of what is left of the context, summary and pieces take at most this each: the last turns matter more. */
const ASIDE_PART = 4;

export interface ContextParts {
  question: string;
  /** The last turns, in order, as many as the window may have. */
  recent: readonly Turn[];
  /** The number that the question's turn gets. */
  index: number;
  window: { set: number; turns: number };
  retrieval: Retrieval;
  summary: SessionSummary | undefined;
  instructions: string;
  facts: string;
  remembered: string | undefined;
  contextLength: number;
  maxTokens: number | undefined;
}

/** How many turns a window has: what somebody chose for themselves; of the household's configuration, more where the model's context is large. */
export function windowTurns(set: number, isChosen: boolean, contextLength: number, most: number): number {
  const growth = isChosen ? 1 : Math.min(MOST_GROWTH, Math.max(1, Math.floor(contextLength / USUAL_CONTEXT)));
  return Math.min(most, set * growth);
}

/** How many tokens a prompt may have. */
export function promptRoom(contextLength: number, maxTokens: number | undefined): number {
  const answer = maxTokens ?? Math.min(ANSWER_TOKENS, Math.floor(contextLength / ANSWER_PART));
  return Math.max(1, contextLength - answer);
}

/** Of a turn, what goes along again; nothing of one that was never answered. Thoughts stay where they were. */
export function messagesOf({ messages }: Pick<Turn, "messages">): Message[] {
  const isAnswered = messages.some((message) => message.role === "assistant" && message.content !== "");
  if (!isAnswered) return [];
  return messages.map((message) => {
    if (message.role !== "assistant") return message;
    const { reasoning: _reasoning, ...said } = message;
    return said;
  });
}

/**
 * Chooses what is sent to the model: what is set down for it, the summary of what left the window, pieces of it, and the last turns.
 * Where the context has no room for all of that, turns, pieces or the summary are left out whole; the question goes in any case.
 */
export function planContext(parts: ContextParts): { messages: Message[]; trace: Trace } {
  const { question, recent, index, window, retrieval, summary, instructions, facts, remembered, contextLength } = parts;
  const room = promptRoom(contextLength, parts.maxTokens);
  const asked: Message = { role: "user", content: question };
  const base = { instructions, facts, summary: null, pieces: [] };
  const withAside = (aside: { summary: SessionSummary | null; pieces: Retrieval["pieces"] }): number =>
    estimatePromptTokens([...systemMessage({ ...base, ...aside }), asked]);
  const bare = withAside({ summary: null, pieces: [] });
  const aside = Math.max(0, Math.floor((room - bare) / ASIDE_PART));

  const wanted = summary ?? null;
  const kept = wanted !== null && withAside({ summary: wanted, pieces: [] }) - bare <= aside ? wanted : null;
  const before = withAside({ summary: kept, pieces: [] });
  const pieces: Retrieval["pieces"] = [];
  for (const piece of retrieval.pieces) {
    if (withAside({ summary: kept, pieces: [...pieces, piece] }) - before <= aside) pieces.push(piece);
  }
  const inOrder = pieces.toSorted((a, b) => a.index - b.index);

  let tokens = withAside({ summary: kept, pieces: inOrder });
  const turns: Message[][] = [];
  let from = index;
  for (const turn of recent.toReversed()) {
    const messages = messagesOf(turn);
    const cost = messages.reduce((sum, message) => sum + estimateMessageTokens(message), 0);
    if (tokens + cost > room) break;
    tokens += cost;
    turns.unshift(messages);
    from = turn.index;
  }
  const system = systemMessage({ ...base, summary: kept, pieces: inOrder });
  const trace: Trace = {
    contextLength,
    estimatedTokens: tokens,
    window: { ...window, from, to: index, withoutRoom: recent.length - turns.length },
    summary: kept,
    retrieval: { ...retrieval, pieces: inOrder },
    instructions,
    facts,
    remembered: remembered ?? null,
    shortened: 0,
  };
  return { messages: [...system, ...turns.flat(), asked], trace };
}
