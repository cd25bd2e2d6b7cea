import { z } from "zod";
import { WEBHOOK_LIMITS } from "./limits.ts";
import { TRY_FAILURES, type TryOutcome } from "./send.ts";

const trySchema = z.object({
  atMs: z.number(),
  ms: z.number(),
  status: z.number().nullable(),
  failure: z.enum(TRY_FAILURES).nullable(),
});
/** One try to deliver: when, how long it took, and what came of it. */
export type Try = z.infer<typeof trySchema>;

export const DELIVERY_STATES = ["pending", "delivered", "failed"] as const;

/** A message to one receiver. Times are Unix milliseconds. */
export interface Delivery {
  id: string;
  receiverId: string;
  type: string;
  payload: string;
  state: (typeof DELIVERY_STATES)[number];
  createdAtMs: number;
  /** When the next try is due. */
  dueAtMs: number;
  /** Tries that were begun. */
  attempts: number;
  /** Those that came to an end. */
  tries: Try[];
}

const rowSchema = z
  .object({
    id: z.string(),
    receiver_id: z.string(),
    type: z.string(),
    payload: z.string(),
    state: z.enum(DELIVERY_STATES),
    created_at: z.number(),
    due_at: z.number(),
    attempts: z.number(),
    tries: z
      .string()
      .transform((text): unknown => JSON.parse(text))
      .pipe(z.array(trySchema)),
  })
  .transform(
    (row): Delivery => ({
      id: row.id,
      receiverId: row.receiver_id,
      type: row.type,
      payload: row.payload,
      state: row.state,
      createdAtMs: row.created_at,
      dueAtMs: row.due_at,
      attempts: row.attempts,
      tries: row.tries,
    }),
  );

/** Messages to receivers, with what came of each try: the queue and the log in one. */
export class DeliveryTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS webhook_deliveries (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, receiver_id TEXT NOT NULL, type TEXT NOT NULL,
         payload TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
         attempts INTEGER NOT NULL, tries TEXT NOT NULL)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS webhook_deliveries_due ON webhook_deliveries (state, due_at)");
    sql.exec("CREATE INDEX IF NOT EXISTS webhook_deliveries_log ON webhook_deliveries (receiver_id, seq)");
  }

  add(delivery: { id: string; receiverId: string; type: string; payload: string }, nowMs: number): void {
    const { id, receiverId, type, payload } = delivery;
    this.#sql.exec(
      `INSERT INTO webhook_deliveries (id, receiver_id, type, payload, state, created_at, due_at, attempts, tries)
       VALUES (?, ?, ?, ?, 'pending', ?, ?, 0, '[]')`,
      id,
      receiverId,
      type,
      payload,
      nowMs,
      nowMs,
    );
  }

  /** What is due, of each receiver only the first few: one with a long line does not hide the others. */
  due(nowMs: number): Delivery[] {
    const ranked =
      "SELECT *, row_number() OVER (PARTITION BY receiver_id ORDER BY due_at, seq) AS place FROM webhook_deliveries";
    const rows = this.#sql.exec(
      `SELECT * FROM (${ranked} WHERE state = 'pending' AND due_at <= ?) WHERE place <= ? ORDER BY due_at, seq`,
      nowMs,
      WEBHOOK_LIMITS.atOncePerReceiver,
    );
    return rows.toArray().map((row) => rowSchema.parse(row));
  }

  nextDueMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(due_at) AS at FROM webhook_deliveries WHERE state = 'pending'").one();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  /** The latest first. */
  log(receiverId: string, limit: number): Delivery[] {
    return this.#read("receiver_id = ? ORDER BY seq DESC LIMIT ?", receiverId, limit);
  }

  /** A try begins; should nobody live to tell its end, it is due again then. Returns its number. */
  begin(id: string, leaseUntilMs: number): number {
    const row = this.#sql
      .exec(
        "UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = ? WHERE id = ? RETURNING attempts",
        leaseUntilMs,
        id,
      )
      .one();
    return z.object({ attempts: z.number() }).parse(row).attempts;
  }

  /** A try has ended, and what of the message follows. */
  noteTry(
    id: string,
    { ok, status, failure }: TryOutcome,
    at: { atMs: number; ms: number; nextMs: number | undefined },
  ) {
    const [delivery] = this.#read("id = ?", id);
    if (delivery === undefined) return;
    const tries: Try[] = [...delivery.tries, { atMs: at.atMs, ms: at.ms, status, failure }];
    this.#sql.exec(
      "UPDATE webhook_deliveries SET tries = ?, state = ?, due_at = ? WHERE id = ?",
      JSON.stringify(tries),
      ok ? "delivered" : at.nextMs === undefined ? "failed" : "pending",
      at.nextMs ?? at.atMs,
      id,
    );
  }

  removeOf(receiverId: string): void {
    this.#sql.exec("DELETE FROM webhook_deliveries WHERE receiver_id = ?", receiverId);
  }

  /** What waits for a receiver that wants no more has failed. */
  failWaiting(receiverId: string): void {
    this.#sql.exec(
      "UPDATE webhook_deliveries SET state = 'failed' WHERE receiver_id = ? AND state = 'pending'",
      receiverId,
    );
  }

  purge(receiverId: string, beforeMs: number): void {
    this.#sql.exec(
      `DELETE FROM webhook_deliveries WHERE receiver_id = ?1 AND (state <> 'pending' AND created_at < ?2 OR seq IN (
         SELECT seq FROM webhook_deliveries WHERE receiver_id = ?1 ORDER BY seq DESC LIMIT -1 OFFSET ?3))`,
      receiverId,
      beforeMs,
      WEBHOOK_LIMITS.keptPerReceiver,
    );
  }

  #read(condition: string, ...values: (string | number)[]): Delivery[] {
    const rows = this.#sql.exec(`SELECT * FROM webhook_deliveries WHERE ${condition}`, ...values).toArray();
    return rows.map((row) => rowSchema.parse(row));
  }
}
