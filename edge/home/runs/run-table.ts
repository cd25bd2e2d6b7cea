import { z } from "zod";
import { concatBytes } from "../../../shared/bytes.ts";
import { type Caller, callerSchema } from "../../credentials/key-grant.ts";
import { RUN_LIMITS } from "./limits.ts";
import { roundsRecordSchema } from "./rounds.ts";

/** Who hears of a run's end: whoever reads it, the queue of jobs, a conversation's turn, or a conversation's summary. */
export const runOwnerSchema = z.enum(["client", "job", "turn", "summary"]);
export type RunOwnerName = z.infer<typeof runOwnerSchema>;

/** What is written down of a run at its start, beside its request. */
const recordSchema = z.object({
  caller: callerSchema,
  model: z.string(),
  maxTokens: z.number().optional(),
  /** What whoever started it wants to know when it comes back. */
  note: z.string().max(4096),
  /** Whether it goes on without a reader. */
  kept: z.boolean(),
  owner: runOwnerSchema,
  /** Whether another machine may go on with it once it has begun. */
  replay: z.boolean(),
  agentId: z.string(),
  rounds: roundsRecordSchema.optional(),
});
/** Before conversations had turns of their own, a record only said whether it was a job's. */
const formerSchema = recordSchema
  .omit({ owner: true })
  .extend({ job: z.boolean() })
  .transform(({ job, ...record }) => ({ ...record, owner: job ? ("job" as const) : ("client" as const) }));
export const runRecordSchema = z.union([recordSchema, formerSchema]);
export type RunRecord = z.infer<typeof runRecordSchema> & { caller: Caller };

const recordTextSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("The record is no JSON.");
      return z.NEVER;
    }
  })
  .pipe(runRecordSchema);

const storedSchema = z
  .object({ record: recordTextSchema, created_at: z.number() })
  .transform(({ record, created_at: createdAtMs }) => ({ record, createdAtMs }));

const rowSchema = z.object({
  id: z.string(),
  record: recordTextSchema,
  created_at: z.number(),
  ended_at: z.number().nullable(),
});

export interface StoredRun {
  id: string;
  record: RunRecord;
  createdAtMs: number;
  endedAtMs: number | undefined;
}

const pieceSchema = z.object({ first: z.number(), lines: z.number(), bytes: z.instanceof(ArrayBuffer) });

/** Pieces of a request are numbered down from -1, those of the answer by their first line. */
const BODY_FIRST = -1;

/** Runs in SQLite: one row at the start of each, one for each checkpoint of its lines. */
export class RunTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS runs (
         id TEXT PRIMARY KEY, record TEXT NOT NULL, created_at INTEGER NOT NULL, ended_at INTEGER, body BLOB) WITHOUT ROWID`,
    );
    sql.exec(
      `CREATE TABLE IF NOT EXISTS run_pieces (
         run TEXT NOT NULL, first INTEGER NOT NULL, lines INTEGER NOT NULL, bytes BLOB NOT NULL,
         PRIMARY KEY (run, first)) WITHOUT ROWID`,
    );
  }

  add(id: string, record: RunRecord, body: Uint8Array, nowMs: number): void {
    const isSmall = body.length <= RUN_LIMITS.pieceBytes;
    this.#sql.exec(
      "INSERT OR REPLACE INTO runs (id, record, created_at, body) VALUES (?, ?, ?, ?)",
      id,
      JSON.stringify(record),
      nowMs,
      isSmall ? exactBuffer(body) : null,
    );
    if (isSmall) return;
    for (let start = 0, first = BODY_FIRST; start < body.length; start += RUN_LIMITS.pieceBytes, first--) {
      this.#addPiece(id, first, 0, body.slice(start, start + RUN_LIMITS.pieceBytes));
    }
  }

  setRecord(id: string, record: RunRecord): void {
    this.#sql.exec("UPDATE runs SET record = ? WHERE id = ?", JSON.stringify(record), id);
  }

  /** Another request in the place of the one before: nothing has come of that one, or it is the next round's. */
  setBody(id: string, body: Uint8Array): void {
    const row = this.#sql.exec("SELECT record, created_at FROM runs WHERE id = ?", id).one();
    const { record, createdAtMs } = storedSchema.parse(row);
    this.#sql.exec("DELETE FROM run_pieces WHERE run = ? AND first < 0", id);
    this.add(id, record, body, createdAtMs);
  }

  /** Lines of the answer from number `first` on. */
  addLines(id: string, first: number, lines: number, bytes: Uint8Array): void {
    this.#addPiece(id, first, lines, bytes);
  }

  setEnded(id: string, nowMs: number): void {
    this.#sql.exec("UPDATE runs SET ended_at = ? WHERE id = ?", nowMs, id);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM runs WHERE id = ?", id);
    this.#sql.exec("DELETE FROM run_pieces WHERE run = ?", id);
  }

  /** One that another version wrote in another form is dropped: it must not keep the household from starting. */
  all(): StoredRun[] {
    const rows = this.#sql.exec("SELECT id, record, created_at, ended_at FROM runs").toArray();
    return rows.flatMap((row) => {
      const read = rowSchema.safeParse(row);
      if (!read.success) {
        console.error("A run that was written down cannot be read:", z.prettifyError(read.error));
        if (typeof row["id"] === "string") this.remove(row["id"]);
        return [];
      }
      const { id, record, created_at: createdAtMs, ended_at: endedAt } = read.data;
      return [{ id, record, createdAtMs, endedAtMs: endedAt ?? undefined }];
    });
  }

  /** The request. */
  body(id: string): Uint8Array {
    const [row] = this.#sql.exec("SELECT body FROM runs WHERE id = ?", id).toArray();
    if (row?.["body"] instanceof ArrayBuffer) return new Uint8Array(row["body"]);
    const rows = this.#sql.exec(
      "SELECT first, lines, bytes FROM run_pieces WHERE run = ? AND first < 0 ORDER BY first DESC",
      id,
    );
    return concatBytes(rows.toArray().map((piece) => new Uint8Array(pieceSchema.parse(piece).bytes)));
  }

  /** The lines that were written down, from the first on without a gap. */
  lines(id: string): { lines: number; bytes: Uint8Array }[] {
    const rows = this.#sql
      .exec("SELECT first, lines, bytes FROM run_pieces WHERE run = ? AND first >= 0 ORDER BY first", id)
      .toArray();
    return rows.map((row) => {
      const { lines, bytes } = pieceSchema.parse(row);
      return { lines, bytes: new Uint8Array(bytes) };
    });
  }

  #addPiece(id: string, first: number, lines: number, bytes: Uint8Array): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO run_pieces (run, first, lines, bytes) VALUES (?, ?, ?, ?)",
      id,
      first,
      lines,
      exactBuffer(bytes),
    );
  }
}

/** A buffer of exactly these bytes: SQLite stores the whole buffer behind a view. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer;
}
