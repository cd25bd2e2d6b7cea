import { z } from "zod";
import { type StatusMessage, statusMessageSchema } from "../../shared/protocol/messages.ts";

const rowSchema = z.object({ id: z.string(), status: z.string().nullable(), seen_at: z.number() });

const statusText = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(statusMessageSchema);

interface Row {
  status: StatusMessage | undefined;
  /** When D1 was last told that the agent is there. */
  seenAt: number;
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
    for (const row of sql.exec("SELECT id, status, seen_at FROM agents ORDER BY rowid")) {
      const { id, status, seen_at: seenAt } = rowSchema.parse(row);
      this.#rows.set(id, { status: status === null ? undefined : statusText.parse(status), seenAt });
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
    if (!this.#rows.has(id)) this.#rows.set(id, { status: undefined, seenAt: 0 });
    return z.number().int().parse(generation);
  }

  setStatus(id: string, status: StatusMessage): void {
    this.#sql.exec("UPDATE agents SET status = ? WHERE id = ?", JSON.stringify(status), id);
    const row = this.#rows.get(id);
    if (row) row.status = status;
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
  *all(): IterableIterator<{ id: string; status: StatusMessage | undefined }> {
    for (const [id, { status }] of this.#rows) yield { id, status };
  }
}
