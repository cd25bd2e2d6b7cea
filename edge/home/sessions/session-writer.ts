import { PorchlightError } from "../../../shared/errors.ts";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { newSessionId, type Session, type SessionSource } from "../../../shared/sessions/session.ts";
import type { SessionSettings } from "../../../shared/sessions/settings.ts";
import type { Turn } from "../../../shared/sessions/turn.ts";
import type { HotTurns } from "./hot-turns.ts";
import type { SessionRow } from "./table.ts";
import type { SessionTables } from "./tables.ts";

export interface NewSession {
  userId: string;
  title?: string;
  settings?: SessionSettings;
  source?: SessionSource;
  forkedFrom?: Session["forkedFrom"];
}

/** Writes sessions and turns with all that belongs to them: index, memory, tiers. Each call belongs into somebody's step. */
export class SessionWriter {
  readonly #tables: SessionTables;
  readonly #hot: HotTurns;
  readonly #now: () => number;

  constructor({ tables, hot, now }: { tables: SessionTables; hot: HotTurns; now: () => number }) {
    this.#tables = tables;
    this.#hot = hot;
    this.#now = now;
  }

  /** Not written yet. Throws `too_many_sessions`. */
  newSession({ userId, title = "", settings = {}, source, forkedFrom }: NewSession): Session {
    if (this.#tables.sessions.count(userId) >= SESSION_LIMITS.sessionsPerPerson) {
      throw new PorchlightError("too_many_sessions");
    }
    const now = this.#now();
    return {
      id: newSessionId(now),
      userId,
      title,
      createdAtMs: now,
      updatedAtMs: now,
      turnCount: 0,
      settings,
      ...(source === undefined ? {} : { source }),
      ...(forkedFrom === undefined ? {} : { forkedFrom }),
    };
  }

  add(session: Session, sourceId?: string): SessionRow {
    const row = this.#tables.sessions.add(session, sourceId === undefined ? {} : { sourceId });
    this.#tables.index.setTitle(row.seq, session.title);
    return row;
  }

  insert({ id }: SessionRow, turn: Turn, hotAtMs: number): void {
    const seq = this.#tables.turns.add(id, turn, hotAtMs);
    this.#tables.index.addTurn(seq, turn);
  }

  cut(sessionId: string, from: number, to: number): void {
    const heads = this.#tables.turns.heads(sessionId, from, to);
    this.#tables.index.dropTurns(heads.map(({ seq }) => seq));
    this.#tables.turns.remove(sessionId, from, to);
    this.#hot.drop(sessionId, from, to);
  }

  remove({ id, seq, turnCount, coldTo, backupBegan }: SessionRow): void {
    this.#tables.index.dropTitle(seq);
    this.cut(id, coldTo, turnCount);
    this.#hot.drop(id, 0, coldTo);
    this.#tables.segments.removeOf(id);
    this.#tables.drops.addSession(id, this.#now(), backupBegan);
    this.#tables.sessions.remove(id);
  }
}
