import { z } from "zod";
import { type PauseReason, readSchedule, type Schedule, type ScheduleOwner, type SchedulePlan } from "./schedule.ts";

const dueSchema = z.object({ id: z.string(), next_at: z.number() });

/** Schedules in a Durable Object's SQLite. Every method is one step that is written whole or not at all. */
export class ScheduleTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS schedules (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, key_id TEXT,
         title TEXT NOT NULL, prompt TEXT NOT NULL, model TEXT NOT NULL, max_tokens INTEGER,
         cron TEXT NOT NULL, time_zone TEXT NOT NULL, to_session INTEGER NOT NULL, session_id TEXT, webhook_id TEXT,
         created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, paused TEXT, next_at INTEGER, failures INTEGER NOT NULL)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS schedules_by_next ON schedules (next_at)");
    sql.exec("CREATE INDEX IF NOT EXISTS schedules_by_user ON schedules (user_id, seq)");
  }

  add(id: string, { userId, keyId }: ScheduleOwner, plan: SchedulePlan, nextAtMs: number | null, nowMs: number): void {
    this.#sql.exec(
      `INSERT INTO schedules (id, user_id, key_id, title, prompt, model, max_tokens, cron, time_zone, to_session, session_id,
         webhook_id, created_at, updated_at, paused, next_at, failures)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, NULL, ?14, 0)`,
      id,
      userId,
      keyId,
      ...valuesOf(plan),
      nowMs,
      nextAtMs,
    );
  }

  find(id: string): Schedule | undefined {
    return this.#read("SELECT * FROM schedules WHERE id = ?", id)[0];
  }

  /** The latest first. */
  of({ userId, keyId }: { userId: string; keyId?: string }): Schedule[] {
    return this.#read(
      "SELECT * FROM schedules WHERE user_id = ?1 AND (?2 IS NULL OR key_id = ?2) ORDER BY seq DESC",
      userId,
      keyId ?? null,
    );
  }

  count(userId?: string): number {
    const row = this.#sql.exec("SELECT count(*) AS n FROM schedules WHERE ?1 IS NULL OR user_id = ?1", userId ?? null);
    return z.object({ n: z.number() }).parse(row.one()).n;
  }

  /** Writes down another plan, whose it is now, and when it is due. What paused it is settled with that, and so are its failures. */
  change(
    id: string,
    { keyId }: ScheduleOwner,
    plan: SchedulePlan,
    standing: Pick<Schedule, "paused" | "nextAtMs">,
    nowMs: number,
  ): void {
    this.#sql.exec(
      `UPDATE schedules SET key_id = ?2, title = ?3, prompt = ?4, model = ?5, max_tokens = ?6, cron = ?7, time_zone = ?8,
         to_session = ?9, session_id = ?10, webhook_id = ?11, updated_at = ?12, paused = ?13, next_at = ?14, failures = 0
       WHERE id = ?1`,
      id,
      keyId,
      ...valuesOf(plan),
      nowMs,
      standing.paused,
      standing.nextAtMs,
    );
  }

  pause(id: string, why: PauseReason): void {
    this.#sql.exec("UPDATE schedules SET paused = ?, next_at = NULL WHERE id = ?", why, id);
  }

  setNext(id: string, nextAtMs: number | null): void {
    this.#sql.exec("UPDATE schedules SET next_at = ? WHERE id = ?", nextAtMs, id);
  }

  setFailures(id: string, failures: number): void {
    this.#sql.exec("UPDATE schedules SET failures = ? WHERE id = ?", failures, id);
  }

  /** Where its answers land from now on. */
  setSession(id: string, sessionId: string): void {
    this.#sql.exec("UPDATE schedules SET session_id = ? WHERE id = ?", sessionId, id);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM schedules WHERE id = ?", id);
  }

  ofKey(keyId: string): Schedule[] {
    return this.#read("SELECT * FROM schedules WHERE key_id = ?", keyId);
  }

  /** Ids with the times they are due at, the soonest first. */
  soonest(most: number): { id: string; atMs: number }[] {
    const rows = this.#sql.exec(
      "SELECT id, next_at FROM schedules WHERE next_at IS NOT NULL ORDER BY next_at, seq LIMIT ?",
      most,
    );
    return rows.toArray().map((row) => {
      const { id, next_at: atMs } = dueSchema.parse(row);
      return { id, atMs };
    });
  }

  #read(query: string, ...values: (string | number | null)[]): Schedule[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => readSchedule(row));
  }
}

/** In the order of the columns from `title` on. */
function valuesOf(plan: SchedulePlan): (string | number | null)[] {
  const { title, prompt, model, maxTokens, cron, timeZone, toSession, sessionId, webhookId } = plan;
  return [title, prompt, model, maxTokens, cron, timeZone, toSession ? 1 : 0, sessionId, webhookId];
}
