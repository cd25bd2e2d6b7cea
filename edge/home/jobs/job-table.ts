import { z } from "zod";
import { concatBytes } from "../../../shared/bytes.ts";
import type { WireError } from "../../../shared/errors.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { type EndState, type Job, type JobState, type NewJob, readJob } from "./job.ts";
import { PART_BYTES } from "./limits.ts";

/** Which jobs to list; what is absent narrows nothing. */
export interface JobFilter {
  userId?: string;
  callerId?: string;
  state?: JobState;
  /** Only what came before this one. */
  beforeSeq?: number;
  limit: number;
}

/** Which of the two things a job is kept with. */
type Kind = "request" | "result";

const partSchema = z.object({ bytes: z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer)) });
const idSchema = z.object({ id: z.string() });
const countSchema = z.object({ n: z.number(), bytes: z.number() });

/** Jobs in a Durable Object's SQLite. Every method is one step that is written whole or not at all. */
export class JobTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS jobs (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, caller_id TEXT NOT NULL,
         caller TEXT NOT NULL, model TEXT NOT NULL, title TEXT NOT NULL, priority TEXT NOT NULL, state TEXT NOT NULL,
         order_at INTEGER NOT NULL, not_before INTEGER NOT NULL, created_at INTEGER NOT NULL, deadline INTEGER NOT NULL,
         started_at INTEGER, ended_at INTEGER, attempts INTEGER NOT NULL, run_id TEXT, error TEXT,
         body_bytes INTEGER NOT NULL, max_tokens INTEGER)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, order_at, seq)");
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (ended_at)");
    sql.exec("CREATE INDEX IF NOT EXISTS jobs_by_user ON jobs (user_id, seq)");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS job_parts (
         job_id TEXT NOT NULL, kind TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (job_id, kind, part))`,
    );
  }

  add(id: string, job: NewJob, orderMs: number, nowMs: number): Job {
    this.#putParts(id, "request", job.body);
    return readJob(
      this.#sql
        .exec(
          `INSERT INTO jobs (id, user_id, caller_id, caller, model, title, priority, state, order_at, not_before, created_at,
             deadline, attempts, body_bytes, max_tokens)
           VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, 0, ?, ?) RETURNING *`,
          id,
          job.userId,
          job.caller.id,
          JSON.stringify(job.caller),
          job.model,
          job.title,
          job.priority,
          orderMs,
          nowMs,
          nowMs,
          nowMs + job.deadlineMs,
          job.body.length,
          job.maxTokens ?? null,
        )
        .one(),
    );
  }

  find(id: string): Job | undefined {
    return this.#read("SELECT * FROM jobs WHERE id = ?", id)[0];
  }

  /** The latest first. */
  list({ userId, callerId, state, beforeSeq, limit }: JobFilter): Job[] {
    return this.#read(
      `SELECT * FROM jobs WHERE (?1 IS NULL OR user_id = ?1) AND (?2 IS NULL OR caller_id = ?2)
         AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR seq < ?4)
       ORDER BY seq DESC LIMIT ?5`,
      userId ?? null,
      callerId ?? null,
      state ?? null,
      beforeSeq ?? null,
      limit,
    );
  }

  /** Those that wait, in the order of their turn. */
  queued(limit: number): Job[] {
    return this.#read("SELECT * FROM jobs WHERE state = 'queued' ORDER BY order_at, seq LIMIT ?", limit);
  }

  /** Ids of all that wait, in the order of their turn. */
  order(): string[] {
    const rows = this.#sql.exec("SELECT id FROM jobs WHERE state = 'queued' ORDER BY order_at, seq").toArray();
    return rows.map((row) => idSchema.parse(row).id);
  }

  running(): Job[] {
    return this.#read("SELECT * FROM jobs WHERE state = 'running' ORDER BY seq");
  }

  overdue(nowMs: number): Job[] {
    return this.#read("SELECT * FROM jobs WHERE state IN ('queued', 'running') AND deadline <= ?", nowMs);
  }

  /** Those of a person, or of a key, that have not ended. */
  activeOf(id: string): Job[] {
    return this.#read(
      "SELECT * FROM jobs WHERE state IN ('queued', 'running') AND (user_id = ?1 OR caller_id = ?1)",
      id,
    );
  }

  /** How many wait or run, and what their requests take; of one person, or of all. */
  active(userId?: string): { n: number; bytes: number } {
    const row = this.#sql
      .exec(
        `SELECT count(*) AS n, coalesce(sum(body_bytes), 0) AS bytes FROM jobs
         WHERE state IN ('queued', 'running') AND (?1 IS NULL OR user_id = ?1)`,
        userId ?? null,
      )
      .one();
    return countSchema.parse(row);
  }

  /** When the next deadline is. */
  nextDeadlineMs(): number | undefined {
    return this.#moment("SELECT min(deadline) AS at FROM jobs WHERE state IN ('queued', 'running')");
  }

  /** When the next job that waits may start, as far as it goes by itself. */
  nextStartMs(): number | undefined {
    return this.#moment("SELECT min(not_before) AS at FROM jobs WHERE state = 'queued'");
  }

  /** When the job that ended longest ago did. */
  oldestEndMs(): number | undefined {
    return this.#moment("SELECT min(ended_at) AS at FROM jobs WHERE ended_at IS NOT NULL");
  }

  /** An attempt begins; it was queued. */
  start(id: string, runId: string, nowMs: number): void {
    this.#sql.exec(
      `UPDATE jobs SET state = 'running', run_id = ?, started_at = ?, attempts = attempts + 1
       WHERE id = ? AND state = 'queued'`,
      runId,
      nowMs,
      id,
    );
  }

  /** Waits again, until `notBeforeMs`. `uncounted`: the attempt was none. */
  requeue(id: string, notBeforeMs: number, error: WireError | undefined, uncounted = false): void {
    this.#sql.exec(
      `UPDATE jobs SET state = 'queued', run_id = NULL, not_before = ?, error = ?, attempts = attempts - ?
       WHERE id = ? AND state IN ('queued', 'running')`,
      notBeforeMs,
      error === undefined ? null : JSON.stringify(error),
      uncounted ? 1 : 0,
      id,
    );
  }

  /**
   * Ends a job, with its answer if there is one, and forgets its request. Returns it as it is then; undefined if it had ended already,
   * or if it is at another attempt than `runId` by now: of several ends, one counts.
   */
  end(id: string, state: EndState, of: { nowMs: number; runId?: string; error?: WireError; result?: Uint8Array }) {
    const [job] = this.#read(
      `UPDATE jobs SET state = ?, ended_at = ?, run_id = NULL, error = ?
       WHERE id = ? AND state IN ('queued', 'running') AND (?5 IS NULL OR run_id = ?5) RETURNING *`,
      state,
      of.nowMs,
      of.error === undefined ? null : JSON.stringify(of.error),
      id,
      of.runId ?? null,
    );
    if (job === undefined) return undefined;
    this.#sql.exec("DELETE FROM job_parts WHERE job_id = ? AND kind = 'request'", id);
    if (of.result !== undefined) this.#putParts(id, "result", of.result);
    return job;
  }

  byRun(runId: string): Job | undefined {
    return this.#read("SELECT * FROM jobs WHERE run_id = ?", runId)[0];
  }

  request(id: string): Uint8Array {
    return this.#parts(id, "request");
  }

  /** Empty where there is none. */
  result(id: string): Uint8Array {
    return this.#parts(id, "result");
  }

  /** A key's limits are others now. */
  setCaller(caller: Caller): void {
    this.#sql.exec(
      "UPDATE jobs SET caller = ? WHERE caller_id = ? AND state IN ('queued', 'running')",
      JSON.stringify(caller),
      caller.id,
    );
  }

  /** Removes one that has ended. */
  remove(id: string): void {
    this.#removeWhere("id = ? AND ended_at IS NOT NULL", id);
  }

  removeOf(userId: string): void {
    this.#removeWhere("user_id = ? AND ended_at IS NOT NULL", userId);
  }

  /** Removes what ended before then, and of the rest all but the latest. */
  purge(beforeMs: number, kept: number): void {
    this.#removeWhere("ended_at < ?", beforeMs);
    this.#removeWhere(
      "seq IN (SELECT seq FROM jobs WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, seq DESC LIMIT -1 OFFSET ?)",
      kept,
    );
  }

  #removeWhere(condition: string, ...values: (string | number)[]): void {
    this.#sql.exec(`DELETE FROM job_parts WHERE job_id IN (SELECT id FROM jobs WHERE ${condition})`, ...values);
    this.#sql.exec(`DELETE FROM jobs WHERE ${condition}`, ...values);
  }

  #putParts(id: string, kind: Kind, bytes: Uint8Array): void {
    for (let part = 0; part * PART_BYTES < bytes.length; part++) {
      const slice = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql.exec(
        "INSERT INTO job_parts (job_id, kind, part, bytes) VALUES (?, ?, ?, ?)",
        id,
        kind,
        part,
        slice.buffer,
      );
    }
  }

  #parts(id: string, kind: Kind): Uint8Array {
    const rows = this.#sql.exec("SELECT bytes FROM job_parts WHERE job_id = ? AND kind = ? ORDER BY part", id, kind);
    return concatBytes(rows.toArray().map((row) => partSchema.parse(row).bytes));
  }

  #read(query: string, ...values: (string | number | null)[]): Job[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => readJob(row));
  }

  #moment(query: string): number | undefined {
    const { at } = z.object({ at: z.number().nullable() }).parse(this.#sql.exec(query).one());
    return at ?? undefined;
  }
}
