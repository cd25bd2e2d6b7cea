import { z } from "zod";
import { concatBytes } from "../../../shared/bytes.ts";
import type { KeptRecord } from "../../../shared/api/openai/kept/records.ts";
import { PART_BYTES } from "../jobs/limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const partSchema = z.object({ bytes: z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer)) });
const seqSchema = z.object({ seq: z.number() });
const rowSchema = seqSchema.extend({ id: z.string() });
const sumSchema = z.object({ records: z.number(), bytes: z.number() });

/** Records of callers in a Durable Object's SQLite, their texts in parts. */
export class RecordTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS kept_records (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, caller_id TEXT NOT NULL, id TEXT NOT NULL, in_group TEXT NOT NULL,
         bytes INTEGER NOT NULL, kept_until INTEGER NOT NULL, UNIQUE (caller_id, id))`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS kept_records_by_group ON kept_records (caller_id, in_group, seq)");
    sql.exec("CREATE INDEX IF NOT EXISTS kept_records_by_end ON kept_records (kept_until)");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS kept_record_parts (
         seq INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (seq, part))`,
    );
  }

  get(callerId: string, id: string, nowMs: number): string | undefined {
    const [row] = this.#sql
      .exec("SELECT seq FROM kept_records WHERE caller_id = ? AND id = ? AND kept_until > ?", callerId, id, nowMs)
      .toArray();
    return row === undefined ? undefined : this.#text(seqSchema.parse(row).seq);
  }

  /** In the order in which they came. */
  list(callerId: string, group: string, nowMs: number): KeptRecord[] {
    return this.#sql
      .exec(
        "SELECT seq, id FROM kept_records WHERE caller_id = ? AND in_group = ? AND kept_until > ? ORDER BY seq",
        callerId,
        group,
        nowMs,
      )
      .toArray()
      .map((row) => {
        const { seq, id } = rowSchema.parse(row);
        return { id, text: this.#text(seq) };
      });
  }

  put(callerId: string, group: string, { id, text }: KeptRecord, untilMs: number): void {
    const bytes = encoder.encode(text);
    const row = this.#sql
      .exec(
        `INSERT INTO kept_records (caller_id, id, in_group, bytes, kept_until) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (caller_id, id) DO UPDATE SET bytes = excluded.bytes, kept_until = excluded.kept_until RETURNING seq`,
        callerId,
        id,
        group,
        bytes.length,
        untilMs,
      )
      .one();
    const { seq } = seqSchema.parse(row);
    this.#sql.exec("DELETE FROM kept_record_parts WHERE seq = ?", seq);
    for (let part = 0; part * PART_BYTES < bytes.length; part++) {
      const slice = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql.exec("INSERT INTO kept_record_parts (seq, part, bytes) VALUES (?, ?, ?)", seq, part, slice.buffer);
    }
  }

  /** Removes a record and the group of its name. Returns whether there was one. */
  remove(callerId: string, id: string): boolean {
    const before = this.#count("caller_id = ? AND id = ?", callerId, id).records;
    this.#removeWhere("caller_id = ?1 AND (id = ?2 OR in_group = ?2)", callerId, id);
    return before > 0;
  }

  removeOf(callerId: string): void {
    this.#removeWhere("caller_id = ?", callerId);
  }

  /** Removes the oldest of a group of a caller. Returns whether there was one. */
  removeOldest(group: string, callerId: string): boolean {
    const [row] = this.#sql
      .exec("SELECT seq FROM kept_records WHERE caller_id = ? AND in_group = ? ORDER BY seq LIMIT 1", callerId, group)
      .toArray();
    if (row === undefined) return false;
    this.#removeWhere("seq = ?", seqSchema.parse(row).seq);
    return true;
  }

  /** How much one caller has, or all. */
  size(callerId?: string): { records: number; bytes: number } {
    return this.#count("?1 IS NULL OR caller_id = ?1", callerId ?? null);
  }

  purge(nowMs: number): void {
    this.#removeWhere("kept_until <= ?", nowMs);
  }

  /** When the next record's time is over. */
  nextEndMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(kept_until) AS at FROM kept_records").one();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  #count(condition: string, ...values: (string | null)[]): { records: number; bytes: number } {
    const query = `SELECT count(*) AS records, coalesce(sum(bytes), 0) AS bytes FROM kept_records WHERE ${condition}`;
    return sumSchema.parse(this.#sql.exec(query, ...values).one());
  }

  #removeWhere(condition: string, ...values: (string | number)[]): void {
    this.#sql.exec(
      `DELETE FROM kept_record_parts WHERE seq IN (SELECT seq FROM kept_records WHERE ${condition})`,
      ...values,
    );
    this.#sql.exec(`DELETE FROM kept_records WHERE ${condition}`, ...values);
  }

  #text(seq: number): string {
    const rows = this.#sql.exec("SELECT bytes FROM kept_record_parts WHERE seq = ? ORDER BY part", seq).toArray();
    return decoder.decode(concatBytes(rows.map((row) => partSchema.parse(row).bytes)));
  }
}
