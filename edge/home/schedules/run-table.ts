import type { WireError } from "../../../shared/errors.ts";
import { readRun, type RunKind, type RunState, type ScheduleRun } from "./schedule.ts";

/** Runs of schedules in a Durable Object's SQLite: the last of each, and those whose answer has yet to land. */
export class RunTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // `landing`: the answer is to land in a session, and has not yet.
    sql.exec(
      `CREATE TABLE IF NOT EXISTS schedule_runs (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, schedule_id TEXT NOT NULL, kind TEXT NOT NULL,
         state TEXT NOT NULL, due_at INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, missed INTEGER NOT NULL,
         job_id TEXT, error TEXT, landing INTEGER NOT NULL DEFAULT 0, session_id TEXT, turn INTEGER)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS schedule_runs_by_schedule ON schedule_runs (schedule_id, seq)");
    sql.exec("CREATE INDEX IF NOT EXISTS schedule_runs_by_job ON schedule_runs (job_id)");
    sql.exec("CREATE INDEX IF NOT EXISTS schedule_runs_landing ON schedule_runs (seq) WHERE landing = 1");
  }

  /** A run whose job waits. */
  add(
    run: { id: string; scheduleId: string; kind: RunKind; dueAtMs: number; missed: number; jobId: string | null },
    nowMs: number,
  ): void {
    this.#sql.exec(
      `INSERT INTO schedule_runs (id, schedule_id, kind, state, due_at, started_at, missed, job_id)
       VALUES (?, ?, ?, 'active', ?, ?, ?, ?)`,
      run.id,
      run.scheduleId,
      run.kind,
      run.dueAtMs,
      nowMs,
      run.missed,
      run.jobId,
    );
  }

  find(id: string): ScheduleRun | undefined {
    return this.#read("SELECT * FROM schedule_runs WHERE id = ?", id)[0];
  }

  byJob(jobId: string): ScheduleRun | undefined {
    return this.#read("SELECT * FROM schedule_runs WHERE job_id = ?", jobId)[0];
  }

  /** The one that has not ended. */
  active(scheduleId: string): ScheduleRun | undefined {
    return this.#read("SELECT * FROM schedule_runs WHERE schedule_id = ? AND state = 'active'", scheduleId)[0];
  }

  /** The latest first. */
  of(scheduleId: string, most: number): ScheduleRun[] {
    return this.#read("SELECT * FROM schedule_runs WHERE schedule_id = ? ORDER BY seq DESC LIMIT ?", scheduleId, most);
  }

  noteMissed(id: string, missed: number): void {
    this.#sql.exec("UPDATE schedule_runs SET missed = ? WHERE id = ?", missed, id);
  }

  /** Ends a run once; returns whether this did. */
  end(
    id: string,
    state: Exclude<RunState, "active">,
    error: WireError | null,
    isLanding: boolean,
    nowMs: number,
  ): boolean {
    const ended = this.#sql.exec(
      "UPDATE schedule_runs SET state = ?, error = ?, landing = ?, ended_at = ? WHERE id = ? AND state = 'active' RETURNING id",
      state,
      error === null ? null : JSON.stringify(error),
      isLanding ? 1 : 0,
      nowMs,
      id,
    );
    return ended.toArray().length > 0;
  }

  /** Those whose answer has yet to land, the oldest first. */
  landing(): ScheduleRun[] {
    return this.#read("SELECT * FROM schedule_runs WHERE landing = 1 ORDER BY seq");
  }

  /** It landed there; null: nowhere, and it is not tried again. */
  landed(id: string, at: { sessionId: string; index: number } | null): void {
    this.#sql.exec(
      "UPDATE schedule_runs SET landing = 0, session_id = ?, turn = ? WHERE id = ?",
      at?.sessionId ?? null,
      at?.index ?? null,
      id,
    );
  }

  /** Forgets all but the latest of a schedule; never one that is under way, or has yet to land. */
  purge(scheduleId: string, kept: number): void {
    this.#sql.exec(
      `DELETE FROM schedule_runs WHERE schedule_id = ?1 AND state <> 'active' AND landing = 0 AND seq NOT IN
         (SELECT seq FROM schedule_runs WHERE schedule_id = ?1 ORDER BY seq DESC LIMIT ?2)`,
      scheduleId,
      kept,
    );
  }

  removeOf(scheduleId: string): void {
    this.#sql.exec("DELETE FROM schedule_runs WHERE schedule_id = ?", scheduleId);
  }

  #read(query: string, ...values: (string | number | null)[]): ScheduleRun[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => readRun(row));
  }
}
