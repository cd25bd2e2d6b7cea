import type { Trace } from "../../../home/sessions/context/trace.ts";
import type { SessionSettings } from "../../../../shared/sessions/settings.ts";

import type { ToolCall } from "./tool-calls.ts";

const TITLE_CHARS = 60;

export type ChatMessage = {
  role: "user" | "assistant";
  content: string;
  /** What the model thought before it answered. */
  reasoning: string;
  state: "done" | "streaming" | "stopped" | "failed";
  /** The turn it belongs to; undefined until the edge has taken it. */
  turn: number | undefined;
  /** Why it is `failed`: the API's code and sentence. */
  error?: { code: string; message: string };
  /** `length` when the model's limit cut it. */
  finish?: string;
  tokens?: number;
  seconds?: number;
  /** What the model had plugins do. */
  calls?: ToolCall[];
  /** What was sent to the model for it, once that was asked for. */
  trace?: Trace | undefined;
};

/** A conversation as far as this page knows it. */
export type Conversation = {
  /** Empty until something was said. */
  id: string;
  title: string;
  /** Unix time in milliseconds. */
  updatedAt: number;
  settings: SessionSettings;
  turnCount: number;
  /** Of the turns from `firstTurn` on, while it is open. */
  messages: ChatMessage[];
  firstTurn: number;
};

/** A conversation with no message yet. `now` is Unix time in milliseconds. */
export function newConversation(now = Date.now()): Conversation {
  return { id: "", title: "", updatedAt: now, settings: {}, turnCount: 0, messages: [], firstTurn: 0 };
}

/** A title from the first question: its first line, cut between what a reader takes for characters. */
export function titleFrom(question: string): string {
  const line = question.trim().split("\n", 1)[0] ?? "";
  const segments = new Intl.Segmenter().segment(line.replaceAll(/\s+/g, " "));
  const characters = Array.from(segments, ({ segment }) => segment);
  return characters.length <= TITLE_CHARS ? characters.join("") : `${characters.slice(0, TITLE_CHARS - 1).join("")}…`;
}
