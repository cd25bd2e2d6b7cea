import { z } from "zod";
import { type Batch, batchSchema, type LineCounts } from "./batch.ts";
import type { BatchLine } from "./line.ts";

/** A line waits, is a job, or has ended: with an answer (its events) or an error, as JSON. */
export type LineState = "waiting" | "queued" | "completed" | "failed";

const jsonText = z.string().transform((text): unknown => JSON.parse(text));
const lineSchema = z.object({
  batch_id: z.string(),
  line: z.number(),
  request: z.string(),
  state: z.enum(["waiting", "queued", "completed", "failed"]),
  job_id: z.string().nullable(),
  outcome: z.string().nullable(),
});

export interface StoredLine {
  batchId: string;
  line: number;
  request: BatchLine;
  state: LineState;
  jobId: string | null;
  /** Events, or an error. */
  outcome: unknown;
}

/** Batches and their lines in a Durable Object's SQLite. */
export class BatchTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS batches (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, caller_id TEXT NOT NULL, user_id TEXT NOT NULL,
         active INTEGER NOT NULL, data TEXT NOT NULL)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS batches_by_active ON batches (active, seq)");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS batch_lines (
         batch_id TEXT NOT NULL, line INTEGER NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, job_id TEXT, outcome TEXT,
         PRIMARY KEY (batch_id, line))`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS batch_lines_by_job ON batch_lines (job_id)");
    sql.exec("CREATE INDEX IF NOT EXISTS batch_lines_by_state ON batch_lines (state)");
  }

  put(batch: Batch, active: boolean): void {
    this.#sql.exec(
      `INSERT INTO batches (id, caller_id, user_id, active, data) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET active = excluded.active, data = excluded.data`,
      batch.id,
      batch.caller.id,
      batch.userId,
      active ? 1 : 0,
      JSON.stringify(batch),
    );
  }

  addLine(batchId: string, line: number, request: BatchLine): void {
    const text = JSON.stringify(request);
    this.#sql.exec("INSERT INTO batch_lines VALUES (?, ?, ?, 'waiting', NULL, NULL)", batchId, line, text);
  }

  find(id: string): Batch | undefined {
    return this.#batches("SELECT data FROM batches WHERE id = ?", id)[0];
  }

  /** Those of a caller, the oldest first. */
  of(callerId: string): Batch[] {
    return this.#batches("SELECT data FROM batches WHERE caller_id = ? ORDER BY seq", callerId);
  }

  /** Those that have not ended, the oldest first. */
  active(): Batch[] {
    return this.#batches("SELECT data FROM batches WHERE active = 1 ORDER BY seq");
  }

  counts(batchId: string): LineCounts {
    const row = this.#sql
      .exec(
        `SELECT count(*) AS total, coalesce(sum(state = 'completed'), 0) AS completed, coalesce(sum(state = 'failed'), 0) AS failed
         FROM batch_lines WHERE batch_id = ?`,
        batchId,
      )
      .one();
    return z.object({ total: z.number(), completed: z.number(), failed: z.number() }).parse(row);
  }

  /** Lines of all batches that are in the queue. */
  queued(): StoredLine[] {
    return this.#lines("SELECT * FROM batch_lines WHERE state = 'queued'");
  }

  nextWaiting(batchId: string): StoredLine | undefined {
    return this.#lines(
      "SELECT * FROM batch_lines WHERE batch_id = ? AND state = 'waiting' ORDER BY line LIMIT 1",
      batchId,
    )[0];
  }

  byJob(jobId: string): StoredLine | undefined {
    return this.#lines("SELECT * FROM batch_lines WHERE job_id = ?", jobId)[0];
  }

  /** One line after another: all of them may not fit into memory at once. */
  line(batchId: string, after: number): StoredLine | undefined {
    return this.#lines(
      "SELECT * FROM batch_lines WHERE batch_id = ? AND line > ? ORDER BY line LIMIT 1",
      batchId,
      after,
    )[0];
  }

  setQueued({ batchId, line }: StoredLine, jobId: string): void {
    this.#sql.exec(
      "UPDATE batch_lines SET state = 'queued', job_id = ? WHERE batch_id = ? AND line = ? AND state = 'waiting'",
      jobId,
      batchId,
      line,
    );
  }

  /** Ends a line, once. */
  end({ batchId, line }: Pick<StoredLine, "batchId" | "line">, state: "completed" | "failed", outcome: object): void {
    this.#sql.exec(
      "UPDATE batch_lines SET state = ?, outcome = ? WHERE batch_id = ? AND line = ? AND state IN ('waiting', 'queued')",
      state,
      JSON.stringify(outcome),
      batchId,
      line,
    );
  }

  /** Ends every line that has not ended. */
  endRest(batchId: string, outcome: object): void {
    this.#sql.exec(
      "UPDATE batch_lines SET state = 'failed', outcome = ? WHERE batch_id = ? AND state IN ('waiting', 'queued')",
      JSON.stringify(outcome),
      batchId,
    );
  }

  /** What was asked and answered is in the files now: only that there were such lines stays. */
  forgetTexts(batchId: string): void {
    this.#sql.exec("UPDATE batch_lines SET request = 'null', outcome = NULL WHERE batch_id = ?", batchId);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM batch_lines WHERE batch_id = ?", id);
    this.#sql.exec("DELETE FROM batches WHERE id = ?", id);
  }

  /** Forgets those that ended and were made before then. */
  purge(beforeMs: number): void {
    const old = this.#batches(
      "SELECT data FROM batches WHERE active = 0 AND json_extract(data, '$.createdAtMs') < ?",
      beforeMs,
    );
    for (const { id } of old) this.remove(id);
  }

  /** Those of a key or a person. */
  ofGone(id: string): Batch[] {
    return this.#batches("SELECT data FROM batches WHERE caller_id = ?1 OR user_id = ?1", id);
  }

  #batches(query: string, ...values: (string | number)[]): Batch[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map(({ data }) => jsonText.pipe(batchSchema).parse(data));
  }

  #lines(query: string, ...values: (string | number)[]): StoredLine[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => {
        const { batch_id, job_id, request, outcome, ...rest } = lineSchema.parse(row);
        // The cast: it is what `addLine` was given.
        const asked = JSON.parse(request) as BatchLine;
        return { ...rest, batchId: batch_id, jobId: job_id, request: asked, outcome: JSON.parse(outcome ?? "null") };
      });
  }
}
