import { z } from "zod";
import { concatBytes } from "../../../shared/bytes.ts";
import { PART_BYTES } from "../jobs/limits.ts";

export const FILE_PURPOSES = ["batch", "batch_output", "user_data"] as const;
/** `user_data`: what a person shows to a plugin. */
export type FilePurpose = (typeof FILE_PURPOSES)[number];

/** A file as it is kept. Times are Unix milliseconds. */
export interface BatchFile {
  id: string;
  purpose: FilePurpose;
  filename: string;
  bytes: number;
  createdAtMs: number;
  keptUntilMs: number;
}

const rowSchema = z
  .object({
    id: z.string(),
    purpose: z.enum(FILE_PURPOSES),
    filename: z.string(),
    bytes: z.number(),
    created_at: z.number(),
    kept_until: z.number(),
  })
  .transform(
    ({ created_at, kept_until, ...row }): BatchFile => ({ ...row, createdAtMs: created_at, keptUntilMs: kept_until }),
  );
const partSchema = z.object({ bytes: z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer)) });

/** Files in a Durable Object's SQLite, each its caller's own, in parts. */
export class FileTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS batch_files (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, caller_id TEXT NOT NULL, purpose TEXT NOT NULL,
         filename TEXT NOT NULL, bytes INTEGER NOT NULL, created_at INTEGER NOT NULL, kept_until INTEGER NOT NULL)`,
    );
    sql.exec(
      `CREATE TABLE IF NOT EXISTS batch_file_parts (
         file_id TEXT NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (file_id, part))`,
    );
  }

  add(callerId: string, file: BatchFile, bytes: Uint8Array): void {
    const { id, purpose, filename, createdAtMs, keptUntilMs } = file;
    this.#sql.exec(
      `INSERT INTO batch_files (id, caller_id, purpose, filename, bytes, created_at, kept_until)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      callerId,
      purpose,
      filename,
      bytes.length,
      createdAtMs,
      keptUntilMs,
    );
    for (let part = 0; part * PART_BYTES < bytes.length; part++) {
      const slice = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql.exec("INSERT INTO batch_file_parts (file_id, part, bytes) VALUES (?, ?, ?)", id, part, slice.buffer);
    }
  }

  find(callerId: string, id: string): BatchFile | undefined {
    return this.#read("SELECT * FROM batch_files WHERE caller_id = ? AND id = ?", callerId, id)[0];
  }

  /** The oldest first. */
  list(callerId: string): BatchFile[] {
    return this.#read("SELECT * FROM batch_files WHERE caller_id = ? ORDER BY seq", callerId);
  }

  /** A part of a file's bytes; undefined behind the last. */
  part(id: string, part: number): Uint8Array | undefined {
    const [row] = this.#sql
      .exec("SELECT bytes FROM batch_file_parts WHERE file_id = ? AND part = ?", id, part)
      .toArray();
    return row === undefined ? undefined : partSchema.parse(row).bytes;
  }

  content(id: string): Uint8Array {
    const rows = this.#sql.exec("SELECT bytes FROM batch_file_parts WHERE file_id = ? ORDER BY part", id).toArray();
    return concatBytes(rows.map((row) => partSchema.parse(row).bytes));
  }

  remove(callerId: string, id: string): boolean {
    const found = this.find(callerId, id) !== undefined;
    if (found) this.#removeWhere("id = ?", id);
    return found;
  }

  removeOf(callerId: string): void {
    this.#removeWhere("caller_id = ?", callerId);
  }

  purge(nowMs: number): void {
    this.#removeWhere("kept_until <= ?", nowMs);
  }

  /** What a caller's files take, or all. */
  size(callerId?: string): { files: number; bytes: number } {
    const row = this.#sql
      .exec(
        "SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM batch_files WHERE ?1 IS NULL OR caller_id = ?1",
        callerId ?? null,
      )
      .one();
    return z.object({ files: z.number(), bytes: z.number() }).parse(row);
  }

  nextEndMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(kept_until) AS at FROM batch_files").one();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  #removeWhere(condition: string, value: string | number): void {
    this.#sql.exec(
      `DELETE FROM batch_file_parts WHERE file_id IN (SELECT id FROM batch_files WHERE ${condition})`,
      value,
    );
    this.#sql.exec(`DELETE FROM batch_files WHERE ${condition}`, value);
  }

  #read(query: string, ...values: string[]): BatchFile[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => rowSchema.parse(row));
  }
}
