import { z } from "zod";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { SESSION_LIMITS } from "../../../../shared/sessions/limits.ts";
import { sessionIdSchema } from "../../../../shared/sessions/session.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";
import { turnText } from "../../../../shared/sessions/turn-text.ts";
import type { Caller } from "../../../credentials/key-grant.ts";
import type { EndedRun } from "../../runs/new-run.ts";
import { extractiveSummary } from "../context/extractive-summary.ts";
import { messagesOf } from "../context/plan.ts";
import { estimatePromptTokens } from "../context/tokens.ts";
import type { SessionStore } from "../store.ts";
import { answerOf } from "./answer.ts";
import type { TurnModel } from "./model-of-turn.ts";
import type { TurnRunner } from "./runner.ts";

/** Models below it say what is wrong or nothing when they are to sum up. */
const ABLE_PARAMETERS = 1_000_000_000;
/** So many turns leave before a model is asked again: a run for each would cost as much as the conversation. */
const BATCH_TURNS = 4;
/** Turns that are looked at in one go. */
const MOST_TURNS = 200;
const SUMMARY_TOKENS = 400;
/** Of an extract: a character for every four tokens of the context leaves it about half of the room that a summary may take. */
const EXTRACT_CHARACTERS = { least: 200, most: 1_500 };

const ASK =
  "Write down in short what was said in the conversation that follows, for somebody who goes on with it: names, numbers, dates, what was " +
  "decided and what is still open. Keep what the summary so far has and still matters. At most 200 words, in the conversation's language, " +
  "without any introduction.";

const noteSchema = z.object({
  sessionId: sessionIdSchema,
  from: z.number().int().nonnegative(),
  upTo: z.number().int().positive(),
  contextLength: z.number().int().positive(),
});
type Note = z.infer<typeof noteSchema>;

/** Keeps the running summaries of conversations: of all turns that have left the window. */
export class Summarizer {
  readonly #store: SessionStore;
  readonly #runner: TurnRunner;
  /** Runs by session. */
  readonly #running = new Map<string, string>();

  constructor({ store, runner }: { store: SessionStore; runner: TurnRunner }) {
    this.#store = store;
    this.#runner = runner;
  }

  /** Turns before `upTo` have left the window. Made by `model` for `caller`, in the background; by extraction where it is too small for that. */
  async follow(sessionId: string, upTo: number, model: TurnModel, caller: Caller): Promise<void> {
    const from = this.#store.find(sessionId)?.summary?.upTo ?? 0;
    if (upTo <= from) return;
    const { contextLength } = model;
    const end = Math.min(upTo, from + MOST_TURNS);
    if (model.parameters < ABLE_PARAMETERS) return await this.#extract({ sessionId, from, upTo: end, contextLength });
    const running = this.#running.get(sessionId);
    if (upTo - from < BATCH_TURNS || (running !== undefined && this.#runner.has(running))) return;
    const turns = await this.#store.turns(sessionId, from, end);
    const asked = requestFor(turns, this.#store.find(sessionId)?.summary?.text, model);
    if (asked === undefined) return await this.#extract({ sessionId, from, upTo: from + 1, contextLength });
    const note: Note = { sessionId, from, upTo: from + asked.turns, contextLength };
    const id = `summary-${crypto.randomUUID()}`;
    try {
      const { request } = asked;
      this.#runner.start({ id, owner: "summary", caller, priority: "low", note: JSON.stringify(note), request });
      this.#running.set(sessionId, id);
    } catch (error) {
      if (!(error instanceof PorchlightError)) throw error;
      await this.#extract(note); // No machine, or no more tokens for today: better this than none.
    }
  }

  /** A summary's run has ended. */
  async ended({ note: text, outcome }: EndedRun): Promise<void> {
    const note = noteSchema.parse(JSON.parse(text));
    this.#running.delete(note.sessionId);
    const said = "events" in outcome ? answerOf(outcome.events).message.content.trim() : "";
    if (said === "") return await this.#extract(note);
    this.#set(note, said);
  }

  async #extract(note: Note): Promise<void> {
    const { sessionId, from, upTo, contextLength } = note;
    const turns = await this.#store.turns(sessionId, from, upTo);
    const former = this.#store.find(sessionId)?.summary?.text ?? "";
    const { least, most } = EXTRACT_CHARACTERS;
    const characters = Math.max(least, Math.min(most, Math.floor(contextLength / 4)));
    this.#set(note, extractiveSummary([former, ...turns.map(turnText)], characters));
  }

  /** Unless the conversation has changed meanwhile. */
  #set({ sessionId, from, upTo }: Note, text: string): void {
    const session = this.#store.find(sessionId);
    if (session === undefined || (session.summary?.upTo ?? 0) !== from || session.turnCount < upTo) return;
    this.#store.setSummary(sessionId, { text: text.slice(0, SESSION_LIMITS.summaryCharacters), upTo });
  }
}

/** Asks for a summary of as many turns as the model's context has room for; undefined where it has none for the first. */
function requestFor(
  turns: readonly Turn[],
  former: string | undefined,
  { name, contextLength }: TurnModel,
): { request: GenerateRequest; turns: number } | undefined {
  const room = contextLength - 2 * SUMMARY_TOKENS;
  const before = former === undefined ? "" : `Summary so far:\n${former}\n\n`;
  let said = "";
  let count = 0;
  const messagesWith = (text: string): GenerateRequest["messages"] => [
    { role: "system", content: ASK },
    { role: "user", content: `${before}Conversation:\n${text}` },
  ];
  for (const turn of turns) {
    const lines = messagesOf(turn).map(({ role, content }) => `${role}: ${content}`);
    const longer = [said, ...lines].filter((line) => line !== "").join("\n");
    if (estimatePromptTokens(messagesWith(longer)) > room) break;
    said = longer;
    count += 1;
  }
  if (count === 0) return undefined;
  const request = {
    model: name,
    messages: messagesWith(said),
    sampling: { temperature: 0 },
    maxTokens: SUMMARY_TOKENS,
  };
  return { request, turns: count };
}
