import { z } from "zod";
import { LOOP_LIMITS } from "./limits.ts";
import { type LoopState, loopStateSchema } from "./loop-state.ts";

const stateRowSchema = z.object({ state: z.string() });
const callRowSchema = z.object({
  call_id: z.string(),
  record: z.string(),
  hash: z.string(),
  state: z.enum(["started", "done", "failed"]),
});

/** Answers with tools in a Durable Object's SQLite, and the calls that were begun for each. */
export class LoopTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS tool_loops (
         run TEXT PRIMARY KEY, state TEXT NOT NULL, started_at INTEGER NOT NULL) WITHOUT ROWID`,
    );
    sql.exec(
      `CREATE TABLE IF NOT EXISTS tool_loop_calls (
         run TEXT NOT NULL, round INTEGER NOT NULL, call_id TEXT NOT NULL, record TEXT NOT NULL, hash TEXT NOT NULL,
         state TEXT NOT NULL, PRIMARY KEY (run, round, call_id)) WITHOUT ROWID`,
    );
  }

  add(run: string, state: LoopState, nowMs: number): void {
    this.remove(run);
    const query = "INSERT INTO tool_loops (run, state, started_at) VALUES (?, ?, ?)";
    this.#sql.exec(query, run, JSON.stringify(state), nowMs);
  }

  set(run: string, state: LoopState): void {
    this.#sql.exec("UPDATE tool_loops SET state = ? WHERE run = ?", JSON.stringify(state), run);
  }

  /** Forgets those that began before: nothing waits so long. */
  forgetBefore(startedAtMs: number): void {
    for (const row of this.#sql.exec("SELECT run FROM tool_loops WHERE started_at < ?", startedAtMs).toArray()) {
      this.remove(z.object({ run: z.string() }).parse(row).run);
    }
  }

  get(run: string): LoopState | undefined {
    const [row] = this.#sql.exec("SELECT state FROM tool_loops WHERE run = ?", run).toArray();
    return row === undefined ? undefined : loopStateSchema.parse(JSON.parse(stateRowSchema.parse(row).state));
  }

  /** The number of the next result. */
  nextSource(run: string): number {
    const state = this.get(run);
    const sources = (state?.sources ?? 0) + 1;
    if (state !== undefined) this.set(run, { ...state, sources });
    return sources;
  }

  /** Counts a call that goes to the person's own addresses. False where there were as many as may be. */
  countOwnCall(run: string): boolean {
    const state = this.get(run);
    if (state === undefined || state.ownCalls >= LOOP_LIMITS.ownCalls) return false;
    this.set(run, { ...state, ownCalls: state.ownCalls + 1 });
    return true;
  }

  /** Writes down that a call is made, before it is: one that writes is never begun twice. */
  begin(run: string, round: number, call: { id: string; record: string; hash: string }): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO tool_loop_calls (run, round, call_id, record, hash, state) VALUES (?, ?, ?, ?, ?, 'started')",
      run,
      round,
      call.id,
      call.record,
      call.hash,
    );
  }

  end(run: string, round: number, callId: string, state: "done" | "failed"): void {
    const query = "UPDATE tool_loop_calls SET state = ? WHERE run = ? AND round = ? AND call_id = ?";
    this.#sql.exec(query, state, run, round, callId);
  }

  /** A call that was begun. */
  begun(run: string, round: number, callId: string): z.infer<typeof callRowSchema> | undefined {
    const query =
      "SELECT call_id, record, hash, state FROM tool_loop_calls WHERE run = ? AND round = ? AND call_id = ?";
    const [row] = this.#sql.exec(query, run, round, callId).toArray();
    return row === undefined ? undefined : callRowSchema.parse(row);
  }

  /** How often calls of the same tool and arguments failed before this round. */
  failures(run: string, round: number, hash: string): number {
    const query =
      "SELECT count(*) AS failures FROM tool_loop_calls WHERE run = ? AND round < ? AND hash = ? AND state = 'failed'";
    return z.object({ failures: z.number() }).parse(this.#sql.exec(query, run, round, hash).one()).failures;
  }

  remove(run: string): void {
    this.#sql.exec("DELETE FROM tool_loops WHERE run = ?", run);
    this.#sql.exec("DELETE FROM tool_loop_calls WHERE run = ?", run);
  }
}
