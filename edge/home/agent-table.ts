import { z } from "zod";
import { type StatusMessage, statusMessageSchema } from "../../shared/protocol/messages.ts";

const rowSchema = z.object({
  id: z.string(),
  status: z.string().nullable(),
  seen_at: z.number(),
  wants_drain: z.number().nullable(),
});

const statusText = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(statusMessageSchema);

interface Row {
  status: StatusMessage | undefined;
  /** When D1 was last told that the agent is there. */
  seenAt: number;
  /** Whether a person wants it out of service, as long as the machine has not taken that up. */
  wantsDrain: boolean | undefined;
}

/** The agents that ever connected: their last status, and how often they came. In SQLite, with what is read often in memory. */
export class AgentTable {
  readonly #sql: SqlStorage;
  readonly #rows = new Map<string, Row>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS agents (id TEXT PRIMARY KEY, generation INTEGER NOT NULL, status TEXT, seen_at INTEGER NOT NULL)",
    );
    // Objects of before agents could be taken out of service lack the column.
    const columns = sql.exec("SELECT name FROM pragma_table_info('agents')").toArray();
    if (!columns.some(({ name }) => name === "wants_drain"))
      sql.exec("ALTER TABLE agents ADD COLUMN wants_drain INTEGER");
    for (const row of sql.exec("SELECT id, status, seen_at, wants_drain FROM agents ORDER BY rowid")) {
      const { id, status, seen_at: seenAt, wants_drain: wants } = rowSchema.parse(row);
      const wantsDrain = wants === null ? undefined : wants === 1;
      this.#rows.set(id, { status: status === null ? undefined : statusText.parse(status), seenAt, wantsDrain });
    }
  }

  /** Counts a connection that has proved who it is; the number is higher than of all before it. */
  nextGeneration(id: string): number {
    const { generation } = this.#sql
      .exec(
        `INSERT INTO agents (id, generation, seen_at) VALUES (?, 1, 0)
         ON CONFLICT (id) DO UPDATE SET generation = generation + 1 RETURNING generation`,
        id,
      )
      .one();
    if (!this.#rows.has(id)) this.#rows.set(id, { status: undefined, seenAt: 0, wantsDrain: undefined });
    return z.number().int().parse(generation);
  }

  setStatus(id: string, status: StatusMessage): void {
    const row = this.#rows.get(id);
    if (!row) return;
    // How much others ask of it changes by the second, and is worth nothing after an eviction: it costs no write.
    const lasting = JSON.stringify({ ...status, otherRequests: undefined });
    const before = row.status && JSON.stringify({ ...row.status, otherRequests: undefined });
    row.status = status;
    if (lasting !== before) this.#sql.exec("UPDATE agents SET status = ? WHERE id = ?", lasting, id);
  }

  statusOf(id: string): StatusMessage | undefined {
    return this.#rows.get(id)?.status;
  }

  wantsDrain(id: string): boolean | undefined {
    return this.#rows.get(id)?.wantsDrain;
  }

  /** Also of an agent that has not come yet. */
  setWantsDrain(id: string, wants: boolean | undefined): void {
    this.#sql.exec(
      `INSERT INTO agents (id, generation, seen_at, wants_drain) VALUES (?, 0, 0, ?)
       ON CONFLICT (id) DO UPDATE SET wants_drain = excluded.wants_drain`,
      id,
      wants === undefined ? null : Number(wants),
    );
    const row = this.#rows.get(id) ?? { status: undefined, seenAt: 0, wantsDrain: undefined };
    this.#rows.set(id, { ...row, wantsDrain: wants });
  }

  /** Whether it is time (or `always`) to tell D1 that the agent is there; if so, that is noted as done. */
  noteSeen(id: string, nowMs: number, everyMs: number): boolean {
    const row = this.#rows.get(id);
    if (!row || nowMs - row.seenAt < everyMs) return false;
    row.seenAt = nowMs;
    this.#sql.exec("UPDATE agents SET seen_at = ? WHERE id = ?", nowMs, id);
    return true;
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM agents WHERE id = ?", id);
    this.#rows.delete(id);
  }

  /** Every agent with its last status, in the order they first came. */
  *all(): IterableIterator<{ id: string; status: StatusMessage | undefined; wantsDrain: boolean | undefined }> {
    for (const [id, { status, wantsDrain }] of this.#rows) yield { id, status, wantsDrain };
  }
}
