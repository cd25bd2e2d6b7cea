/** A message as the API takes it. */
export type ChatMessage = { role: "user" | "assistant"; content: string };

/** How many turns (a question with its answer) the model is given at most. */
export const MAX_TURNS = 8;

/** Tokens a chat template adds around each message: role markers and newlines. */
const TOKENS_PER_MESSAGE = 8;

/** The share of the context kept free for the answer, and the most that is kept. */
const ANSWER_SHARE = 0.25;
const ANSWER_TOKENS_MAX = 2048;

/** Tokens of an ASCII letter or space in ordinary text, for a vocabulary as small as 4096; larger ones need fewer. */
const TOKENS_PER_LETTER = 0.4;

/**
 * An estimate that errs on the high side for ordinary text and byte-level vocabularies: digits and signs count one each (small
 * vocabularies do not merge them), anything beyond ASCII one per UTF-8 byte.
 */
export function estimateTokens(text: string): number {
  const letters = text.match(/[a-zA-Z ]/g)?.length ?? 0;
  const bytes = new TextEncoder().encode(text).length;
  return Math.ceil(letters * TOKENS_PER_LETTER + (bytes - letters));
}

/** Groups messages into turns: each starts with a question. Questions that never got an answer are left out, but the last. */
export function splitTurns<M extends ChatMessage>(messages: readonly M[]): M[][] {
  const turns: M[][] = [];
  for (const message of messages) {
    if (message.content === "") continue;
    const last = turns.at(-1);
    if (message.role === "user" || last === undefined) turns.push([message]);
    else last.push(message);
  }
  return turns.filter((turn, index) => turn.length > 1 || index === turns.length - 1);
}

export type TurnWindow<M extends ChatMessage = ChatMessage> = {
  /** Messages of those that were given, the same objects. */
  messages: M[];
  /** Turns in the window. */
  turns: number;
  /** What limited it: nothing, the number of turns, or the model's context. */
  limitedBy: "none" | "turns" | "context";
};

/**
 * The newest turns that fit: at most `maxTurns`, and at most what `contextLength` tokens leave beside an answer. The last turn is
 * always in it: only the engine, which counts exactly, refuses that one.
 */
export function windowTurns<M extends ChatMessage>(
  messages: readonly M[],
  limits: { contextLength: number | undefined; maxTurns?: number },
): TurnWindow<M> {
  const turns = splitTurns(messages);
  const { contextLength, maxTurns = MAX_TURNS } = limits;
  const budget = contextLength === undefined ? Number.POSITIVE_INFINITY : promptBudget(contextLength);
  const chosen: M[][] = [];
  let tokens = 0;
  let limitedBy: TurnWindow<M>["limitedBy"] = "none";
  for (const turn of turns.toReversed()) {
    tokens += turn.reduce((sum, message) => sum + estimateTokens(message.content) + TOKENS_PER_MESSAGE, 0);
    if (chosen.length >= maxTurns) {
      limitedBy = "turns";
      break;
    }
    if (chosen.length > 0 && tokens > budget) {
      limitedBy = "context";
      break;
    }
    chosen.unshift(turn);
  }
  return { messages: chosen.flat(), turns: chosen.length, limitedBy };
}

function promptBudget(contextLength: number): number {
  return contextLength - Math.min(ANSWER_TOKENS_MAX, Math.ceil(contextLength * ANSWER_SHARE));
}
