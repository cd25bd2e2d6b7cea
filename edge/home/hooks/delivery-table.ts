import { z } from "zod";
import {
  type BegunDelivery,
  begunRowSchema,
  type DeliveryFailure,
  deliveryRowSchema,
  type HookDelivery,
} from "./delivery.ts";
import { HOOK_LIMITS } from "./limits.ts";

const numberSchema = z.object({ n: z.number().nullable() });

/** Messages that were taken: the queue and the log in one, and the ids of those that came before. */
export class HookDeliveryTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // `due_at`: of one that waits, when it is worked on; of one that runs, when whoever works on it is taken for lost.
    sql.exec(
      `CREATE TABLE IF NOT EXISTS inbound_deliveries (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, hook_id TEXT NOT NULL, message_id TEXT NOT NULL,
         received_at INTEGER NOT NULL, state TEXT NOT NULL, due_at INTEGER NOT NULL, begun INTEGER NOT NULL DEFAULT 0,
         tries INTEGER NOT NULL DEFAULT 0, headers TEXT NOT NULL, body BLOB NOT NULL, bytes INTEGER NOT NULL, ended_at INTEGER,
         answer TEXT, failure TEXT, call_id TEXT, session_id TEXT, turn INTEGER)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS inbound_deliveries_due ON inbound_deliveries (state, due_at)");
    sql.exec("CREATE INDEX IF NOT EXISTS inbound_deliveries_log ON inbound_deliveries (hook_id, seq)");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS inbound_seen (
         hook_id TEXT NOT NULL, message_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (hook_id, message_id)) WITHOUT ROWID`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS inbound_seen_by_time ON inbound_seen (hook_id, at)");
  }

  /** Whether this message came before: then it is not worked on again. */
  wasSeen(hookId: string, messageId: string): boolean {
    const found = this.#sql.exec("SELECT 1 FROM inbound_seen WHERE hook_id = ? AND message_id = ?", hookId, messageId);
    return found.toArray().length > 0;
  }

  /** How much waits: of one address, of all, and the bytes of these. */
  waiting(hookId: string): { own: number; all: number; bytes: number } {
    const row = this.#sql
      .exec(
        `SELECT count(*) AS n, coalesce(sum(hook_id = ?), 0) AS own, coalesce(sum(bytes), 0) AS bytes
         FROM inbound_deliveries WHERE state IN ('waiting', 'running')`,
        hookId,
      )
      .one();
    const { n, own, bytes } = z.object({ n: z.number(), own: z.number(), bytes: z.number() }).parse(row);
    return { own, all: n, bytes };
  }

  add(of: Pick<HookDelivery, "id" | "hookId" | "messageId" | "headers"> & { body: Uint8Array }, nowMs: number): void {
    const { id, hookId, messageId, headers, body } = of;
    this.#sql.exec("INSERT INTO inbound_seen (hook_id, message_id, at) VALUES (?, ?, ?)", hookId, messageId, nowMs);
    this.#sql.exec(
      `INSERT INTO inbound_deliveries (id, hook_id, message_id, received_at, state, due_at, headers, body, bytes)
       VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?, ?)`,
      id,
      hookId,
      messageId,
      nowMs,
      nowMs,
      JSON.stringify(headers),
      body.slice().buffer,
      body.length,
    );
    this.#purge(hookId, nowMs);
  }

  /** What is due, the oldest first, of each address only the first few. */
  due(nowMs: number): { id: string; hookId: string }[] {
    const ranked = `SELECT id, hook_id, seq, row_number() OVER (PARTITION BY hook_id ORDER BY seq) AS place
      FROM inbound_deliveries WHERE state = 'waiting' AND due_at <= ?`;
    return this.#sql
      .exec(`SELECT id, hook_id FROM (${ranked}) WHERE place <= ? ORDER BY seq`, nowMs, HOOK_LIMITS.atOnce)
      .toArray()
      .map((row) => z.object({ id: z.string(), hook_id: z.string() }).parse(row))
      .map(({ id, hook_id }) => ({ id, hookId: hook_id }));
  }

  nextDueMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(due_at) AS n FROM inbound_deliveries WHERE state IN ('waiting', 'running')");
    return numberSchema.parse(row.one()).n ?? undefined;
  }

  begin(id: string, leaseUntilMs: number): BegunDelivery {
    const row = this.#sql
      .exec(
        `UPDATE inbound_deliveries SET state = 'running', begun = begun + 1, tries = tries + 1, due_at = ? WHERE id = ? RETURNING *`,
        leaseUntilMs,
        id,
      )
      .one();
    const { body, begun } = begunRowSchema.parse(row);
    return { ...deliveryRowSchema.parse(row), body, begun };
  }

  /** It ended well. */
  done(
    id: string,
    { answer, callId, place }: Partial<Pick<HookDelivery, "answer" | "callId" | "place">>,
    nowMs: number,
  ): void {
    this.#sql.exec(
      `UPDATE inbound_deliveries SET state = 'done', body = substr(body, 1, ?), ended_at = ?, answer = ?, failure = NULL, call_id = ?, session_id = ?, turn = ?
       WHERE id = ?`,
      HOOK_LIMITS.shownBytes,
      nowMs,
      answer ?? null,
      callId ?? null,
      place?.sessionId ?? null,
      place?.index ?? null,
      id,
    );
  }

  /** It failed for good. Sent again, it is worked on again. */
  fail(id: string, failure: DeliveryFailure, callId: string | null, nowMs: number): void {
    const { hookId, messageId } = this.find(id) ?? {};
    this.#sql.exec(
      "UPDATE inbound_deliveries SET state = 'failed', body = substr(body, 1, ?), ended_at = ?, failure = ?, call_id = ? WHERE id = ?",
      HOOK_LIMITS.shownBytes,
      nowMs,
      JSON.stringify(failure),
      callId,
      id,
    );
    if (hookId === undefined || messageId === undefined) return;
    this.#sql.exec("DELETE FROM inbound_seen WHERE hook_id = ? AND message_id = ?", hookId, messageId);
  }

  /** It is tried again then. */
  postpone(id: string, failure: DeliveryFailure, callId: string | null, dueAtMs: number): void {
    this.#sql.exec(
      "UPDATE inbound_deliveries SET state = 'waiting', begun = 0, due_at = ?, failure = ?, call_id = ? WHERE id = ?",
      dueAtMs,
      JSON.stringify(failure),
      callId,
      id,
    );
  }

  /** None of an address is worked on before then, for the same reason. */
  postponeOthers(hookId: string, failure: DeliveryFailure, dueAtMs: number): void {
    this.#sql.exec(
      "UPDATE inbound_deliveries SET due_at = ?, failure = ? WHERE hook_id = ? AND state = 'waiting' AND due_at < ?",
      dueAtMs,
      JSON.stringify(failure),
      hookId,
      dueAtMs,
    );
  }

  /** How often it was tried. */
  tries(id: string): number {
    const [row] = this.#sql.exec("SELECT tries AS n FROM inbound_deliveries WHERE id = ?", id).toArray();
    return row === undefined ? 0 : (numberSchema.parse(row).n ?? 0);
  }

  /** What ran, and has nobody who works on it: it waits again, or has taken its object down too often. */
  recover(isUnderWay: (id: string) => boolean, nowMs: number): void {
    const rows = this.#sql.exec("SELECT id, begun AS n FROM inbound_deliveries WHERE state = 'running'").toArray();
    for (const row of rows) {
      const { id, n } = z.object({ id: z.string(), n: z.number() }).parse(row);
      if (isUnderWay(id)) continue;
      const failure = { code: "edge_restarting", message: "The edge restarted while this was worked on." };
      if (n >= HOOK_LIMITS.lostMost) this.fail(id, failure, null, nowMs);
      else {
        this.#sql.exec(
          "UPDATE inbound_deliveries SET state = 'waiting', due_at = ?, failure = ? WHERE id = ?",
          nowMs,
          JSON.stringify(failure),
          id,
        );
      }
    }
  }

  /** What waits for a machine is due now: one has come. */
  hurry(code: string, nowMs: number): void {
    this.#sql.exec(
      "UPDATE inbound_deliveries SET due_at = ? WHERE state = 'waiting' AND failure IS NOT NULL AND json_extract(failure, '$.code') = ?",
      nowMs,
      code,
    );
  }

  /** Whether anything waits after a try that came to nothing. */
  isAnyPutOff(): boolean {
    const found = this.#sql.exec(
      "SELECT 1 FROM inbound_deliveries WHERE state = 'waiting' AND failure IS NOT NULL LIMIT 1",
    );
    return found.toArray().length > 0;
  }

  find(id: string): HookDelivery | undefined {
    const [row] = this.#sql.exec("SELECT * FROM inbound_deliveries WHERE id = ?", id).toArray();
    return row === undefined ? undefined : deliveryRowSchema.parse(row);
  }

  /** The first bytes of a message. */
  body(id: string): Uint8Array {
    const [row] = this.#sql
      .exec("SELECT substr(body, 1, ?) AS body, begun FROM inbound_deliveries WHERE id = ?", HOOK_LIMITS.shownBytes, id)
      .toArray();
    return row === undefined ? new Uint8Array() : begunRowSchema.parse(row).body;
  }

  /** The latest first. */
  log(hookId: string): HookDelivery[] {
    return this.#sql
      .exec("SELECT * FROM inbound_deliveries WHERE hook_id = ? ORDER BY seq DESC LIMIT ?", hookId, HOOK_LIMITS.kept)
      .toArray()
      .map((row) => deliveryRowSchema.parse(row));
  }

  /** When the last one came. */
  lastAtMs(hookId: string): number | null {
    const row = this.#sql.exec("SELECT max(received_at) AS n FROM inbound_deliveries WHERE hook_id = ?", hookId).one();
    return numberSchema.parse(row).n;
  }

  removeOf(hookId: string): void {
    for (const table of ["inbound_deliveries", "inbound_seen"])
      this.#sql.exec(`DELETE FROM ${table} WHERE hook_id = ?`, hookId);
  }

  /** Those that ended and are too many or too old; ids that nobody sends again. */
  #purge(hookId: string, nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM inbound_deliveries WHERE hook_id = ?1 AND state IN ('done', 'failed') AND (received_at < ?2 OR seq IN (
         SELECT seq FROM inbound_deliveries WHERE hook_id = ?1 ORDER BY seq DESC LIMIT -1 OFFSET ?3))`,
      hookId,
      nowMs - HOOK_LIMITS.keptMs,
      HOOK_LIMITS.kept,
    );
    this.#sql.exec("DELETE FROM inbound_seen WHERE hook_id = ? AND at < ?", hookId, nowMs - HOOK_LIMITS.seenMs);
    this.#sql.exec(
      `DELETE FROM inbound_seen WHERE hook_id = ?1 AND message_id IN (
         SELECT message_id FROM inbound_seen WHERE hook_id = ?1 ORDER BY at DESC LIMIT -1 OFFSET ?2)`,
      hookId,
      HOOK_LIMITS.seenMost,
    );
  }
}
