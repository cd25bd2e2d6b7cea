import { parseWith } from "../../../shared/api/validation.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import type { Session } from "../../../shared/sessions/session.ts";
import { type NewTurn, newTurnSchema } from "../../../shared/sessions/turn.ts";
import { checkTurn } from "./checked-turn.ts";
import type { SessionWriter } from "./session-writer.ts";
import { shownSession } from "./table.ts";
import type { SessionTables } from "./tables.ts";

/** A conversation from elsewhere. */
export interface ImportedSession
  extends Partial<Pick<Session, "updatedAtMs" | "settings" | "summary" | "forkedFrom" | "source">> {
  userId: string;
  /** Of the same source, a conversation comes in once. */
  sourceId: string;
  /** The id it had where it was exported: whoever still has that very session has it already. */
  formerId?: string;
  title: string;
  createdAtMs: number;
  turns: NewTurn[];
}

export interface TakenIn {
  session: Session;
  /** It was here already, and stays as it is. */
  known: boolean;
}

/** Writes a conversation that comes from elsewhere, in one step. Throws `too_many_sessions`, `session_full`, `body_too_large`. */
export function takeIn(imported: ImportedSession, tables: SessionTables, writer: SessionWriter): TakenIn {
  const { userId, sourceId, formerId, title, turns, settings, forkedFrom, summary, source = "import" } = imported;
  const former = formerId === undefined ? undefined : tables.sessions.find(formerId);
  const known = former?.userId === userId ? former : tables.sessions.findSource(userId, sourceId);
  if (known !== undefined) return { session: shownSession(known), known: true };
  if (turns.length > SESSION_LIMITS.turnsPerSession) throw new PorchlightError("session_full");
  const base = writer.newSession({
    userId,
    title,
    source,
    ...(settings === undefined ? {} : { settings }),
    ...(forkedFrom === undefined ? {} : { forkedFrom }),
  });
  const nowMs = base.createdAtMs;
  const createdAtMs = Math.min(imported.createdAtMs, nowMs);
  const lastMs = turns.reduce((latest, turn) => Math.max(latest, turn.createdAtMs), imported.createdAtMs);
  const updatedAtMs = Math.min(imported.updatedAtMs ?? lastMs, nowMs);
  const summarized = summary === undefined || summary.upTo > turns.length ? {} : { summary };
  const row = writer.add({ ...base, createdAtMs, updatedAtMs, ...summarized, turnCount: turns.length }, sourceId);
  let hotAtMs = 0;
  for (const [index, turn] of turns.entries()) {
    // As old as it is: what was said long ago need not wait here for a week.
    hotAtMs = Math.max(hotAtMs, Math.min(turn.createdAtMs, nowMs));
    writer.insert(row, checkTurn({ ...parseWith(newTurnSchema, turn), index }), hotAtMs);
  }
  return { session: shownSession(row), known: false };
}
