import { z } from "zod";

const rowSchema = z
  .object({
    id: z.string(),
    user_id: z.string(),
    run: z.string(),
    round: z.number(),
    call_id: z.string(),
    tool: z.string(),
    source: z.string(),
    arguments: z.string(),
    hash: z.string(),
    session_id: z.string().nullable(),
    turn: z.number().nullable(),
    created_at: z.number(),
    deadline: z.number(),
    decision: z.enum(["allow", "deny", "expired", "gone"]).nullable(),
  })
  .transform((row) => ({
    id: row.id,
    userId: row.user_id,
    run: row.run,
    round: row.round,
    callId: row.call_id,
    tool: row.tool,
    source: row.source,
    arguments: row.arguments,
    hash: row.hash,
    place: row.session_id === null || row.turn === null ? undefined : { sessionId: row.session_id, index: row.turn },
    createdAtMs: row.created_at,
    deadlineMs: row.deadline,
    decision: row.decision ?? undefined,
  }));
/** A call that waits for its person's word, or waited. */
export type Approval = z.infer<typeof rowSchema>;
export type Decision = NonNullable<Approval["decision"]>;

const COLUMNS =
  "id, user_id, run, round, call_id, tool, source, arguments, hash, session_id, turn, created_at, deadline, decision";

/** Approvals in a Durable Object's SQLite. */
export class ApprovalTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS tool_approvals (
         id TEXT PRIMARY KEY, user_id TEXT NOT NULL, run TEXT NOT NULL, round INTEGER NOT NULL, call_id TEXT NOT NULL,
         tool TEXT NOT NULL, source TEXT NOT NULL, arguments TEXT NOT NULL, hash TEXT NOT NULL, session_id TEXT, turn INTEGER,
         created_at INTEGER NOT NULL, deadline INTEGER NOT NULL, decision TEXT, UNIQUE (run, round, call_id)) WITHOUT ROWID`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS tool_approvals_by_person ON tool_approvals (user_id, created_at)");
  }

  add(one: Omit<Approval, "decision">): void {
    this.#sql.exec(
      `INSERT INTO tool_approvals (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)`,
      one.id,
      one.userId,
      one.run,
      one.round,
      one.callId,
      one.tool,
      one.source,
      one.arguments,
      one.hash,
      one.place?.sessionId ?? null,
      one.place?.index ?? null,
      one.createdAtMs,
      one.deadlineMs,
    );
  }

  find(id: string): Approval | undefined {
    return this.#all("WHERE id = ?", id)[0];
  }

  ofCall(run: string, round: number, callId: string): Approval | undefined {
    return this.#all("WHERE run = ? AND round = ? AND call_id = ?", run, round, callId)[0];
  }

  /** All that were asked for an answer. */
  ofRun(run: string): Approval[] {
    return this.#all("WHERE run = ?", run);
  }

  /** Those that wait for this person, the oldest first. */
  waiting(userId: string): Approval[] {
    return this.#all("WHERE user_id = ? AND decision IS NULL ORDER BY created_at, id", userId);
  }

  /** Decides one that is not. Returns whether it did. */
  decide(id: string, decision: Decision): boolean {
    const query = "UPDATE tool_approvals SET decision = ? WHERE id = ? AND decision IS NULL";
    return this.#sql.exec(query, decision, id).rowsWritten > 0;
  }

  /** Nobody waits for those of a run any more. */
  gone(run: string): void {
    this.#sql.exec("UPDATE tool_approvals SET decision = 'gone' WHERE run = ? AND decision IS NULL", run);
  }

  forgetPerson(userId: string): void {
    this.#sql.exec("DELETE FROM tool_approvals WHERE user_id = ?", userId);
  }

  forgetBefore(createdAtMs: number): void {
    this.#sql.exec("DELETE FROM tool_approvals WHERE decision IS NOT NULL AND created_at < ?", createdAtMs);
  }

  #all(where: string, ...values: (string | number)[]): Approval[] {
    const rows = this.#sql.exec(`SELECT ${COLUMNS} FROM tool_approvals ${where}`, ...values).toArray();
    return rows.map((row) => rowSchema.parse(row));
  }
}
