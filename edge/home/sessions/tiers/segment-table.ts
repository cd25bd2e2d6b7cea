import { z } from "zod";

/** Turns `from` to before `to` of a session at a machine. `moving`: they are still here as well, and here is where they are read. */
export interface SegmentRow {
  id: string;
  sessionId: string;
  from: number;
  to: number;
  agentId: string;
  state: "moving" | "cold";
  /** As the machine keeps it, compressed; 0 while it is moving. */
  bytes: number;
  backedUp: boolean;
}

const rowSchema = z
  .object({
    id: z.string(),
    session_id: z.string(),
    idx_from: z.number(),
    idx_to: z.number(),
    agent_id: z.string(),
    state: z.enum(["moving", "cold"]),
    bytes: z.number(),
    backed_up: z.number(),
  })
  .transform(
    (row): SegmentRow => ({
      id: row.id,
      sessionId: row.session_id,
      from: row.idx_from,
      to: row.idx_to,
      agentId: row.agent_id,
      state: row.state,
      bytes: row.bytes,
      backedUp: row.backed_up === 1,
    }),
  );

/** Where the cold turns of a household are. */
export class SegmentTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_segments (
         id TEXT PRIMARY KEY, session_id TEXT NOT NULL, idx_from INTEGER NOT NULL, idx_to INTEGER NOT NULL,
         agent_id TEXT NOT NULL, state TEXT NOT NULL, bytes INTEGER NOT NULL, backed_up INTEGER NOT NULL) WITHOUT ROWID`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS session_segments_by_place ON session_segments (session_id, idx_from)");
    sql.exec(
      "CREATE INDEX IF NOT EXISTS session_segments_moving ON session_segments (session_id) WHERE state = 'moving'",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS session_segments_by_agent ON session_segments (agent_id)");
  }

  add({ id, sessionId, from, to, agentId, state, bytes, backedUp }: SegmentRow): void {
    this.#sql.exec(
      `INSERT INTO session_segments (id, session_id, idx_from, idx_to, agent_id, state, bytes, backed_up)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      sessionId,
      from,
      to,
      agentId,
      state,
      bytes,
      backedUp ? 1 : 0,
    );
  }

  find(id: string): SegmentRow | undefined {
    return this.#read("SELECT * FROM session_segments WHERE id = ?", id)[0];
  }

  /** In the order of their turns. */
  of(sessionId: string): SegmentRow[] {
    return this.#read("SELECT * FROM session_segments WHERE session_id = ? ORDER BY idx_from", sessionId);
  }

  moving(): SegmentRow[] {
    return this.#read("SELECT * FROM session_segments WHERE state = 'moving'");
  }

  /** Machines that have cold turns of that person. */
  agentsOf(userId: string): string[] {
    const rows = this.#sql
      .exec(
        `SELECT DISTINCT g.agent_id FROM session_segments g JOIN sessions s ON s.id = g.session_id
         WHERE s.user_id = ? AND g.state = 'cold'`,
        userId,
      )
      .toArray();
    return rows.map((row) => z.object({ agent_id: z.string() }).parse(row).agent_id);
  }

  settle(id: string, bytes: number): void {
    this.#sql.exec("UPDATE session_segments SET state = 'cold', bytes = ? WHERE id = ?", bytes, id);
  }

  /** Another machine has it now, from a backup. */
  setAgent(id: string, agentId: string): void {
    this.#sql.exec("UPDATE session_segments SET agent_id = ? WHERE id = ?", agentId, id);
  }

  setBackedUp(id: string): void {
    this.#sql.exec("UPDATE session_segments SET backed_up = 1 WHERE id = ?", id);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM session_segments WHERE id = ?", id);
  }

  removeOf(sessionId: string): void {
    this.#sql.exec("DELETE FROM session_segments WHERE session_id = ?", sessionId);
  }

  #read(query: string, ...values: (string | number)[]): SegmentRow[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => rowSchema.parse(row));
  }
}
