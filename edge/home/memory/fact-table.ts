import { z } from "zod";
import { type Fact, type FactSource, readFact } from "./fact.ts";

/** Facts in a Durable Object's SQLite, each of one person. */
export class FactTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS memory_facts (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, text TEXT NOT NULL,
         created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, session_id TEXT, turn INTEGER)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS memory_facts_by_user ON memory_facts (user_id, seq)");
  }

  add(userId: string, id: string, text: string, source: FactSource | null, nowMs: number): Fact {
    const [fact] = this.#read(
      `INSERT INTO memory_facts (id, user_id, text, created_at, updated_at, session_id, turn)
       VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6) RETURNING *`,
      id,
      userId,
      text,
      nowMs,
      source?.sessionId ?? null,
      source?.index ?? null,
    );
    if (fact === undefined) throw new Error("a row that was written was not returned");
    return fact;
  }

  /** The latest first. */
  of(userId: string): Fact[] {
    return this.#read("SELECT * FROM memory_facts WHERE user_id = ? ORDER BY seq DESC", userId);
  }

  /** A fact of the same words, but for capitals (of English letters). */
  like(userId: string, text: string): Fact | undefined {
    return this.#read("SELECT * FROM memory_facts WHERE user_id = ? AND text = ? COLLATE NOCASE", userId, text)[0];
  }

  count(userId: string): number {
    const row = this.#sql.exec("SELECT count(*) AS n FROM memory_facts WHERE user_id = ?", userId).one();
    return z.object({ n: z.number() }).parse(row).n;
  }

  /** Undefined where the person has no such fact. */
  change(userId: string, id: string, text: string, nowMs: number): Fact | undefined {
    return this.#read(
      "UPDATE memory_facts SET text = ?, updated_at = ? WHERE user_id = ? AND id = ? RETURNING *",
      text,
      nowMs,
      userId,
      id,
    )[0];
  }

  /** Returns whether there was one. */
  remove(userId: string, id: string): boolean {
    return this.#read("DELETE FROM memory_facts WHERE user_id = ? AND id = ? RETURNING *", userId, id).length > 0;
  }

  /** Returns how many there were. */
  removeOf(userId: string): number {
    return this.#sql.exec("DELETE FROM memory_facts WHERE user_id = ? RETURNING id", userId).toArray().length;
  }

  #read(query: string, ...values: (string | number | null)[]): Fact[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => readFact(row));
  }
}
