import { z } from "zod";
import { searchQuery, searchText } from "../../../shared/sessions/search-text.ts";
import type { Turn } from "../../../shared/sessions/turn.ts";
import { turnText } from "../../../shared/sessions/turn-text.ts";

const hitSchema = z.object({ seq: z.number(), score: z.number() });

/** A row that was found; larger scores are better. */
export type IndexHit = z.infer<typeof hitSchema>;

/**
 * Full text of titles and hot turns in a Durable Object's SQLite. The index keeps no text; of what is cold it keeps nothing: the
 * machine that has it searches for itself.
 */
export class SearchIndex {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const table of ["session_title_index", "session_turn_index"]) {
      sql.exec(
        `CREATE VIRTUAL TABLE IF NOT EXISTS ${table}
           USING fts5(text, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2')`,
      );
    }
  }

  setTitle(seq: number, title: string): void {
    this.dropTitle(seq);
    if (title === "") return;
    this.#sql.exec("INSERT INTO session_title_index (rowid, text) VALUES (?, ?)", seq, searchText(title));
  }

  dropTitle(seq: number): void {
    this.#sql.exec("DELETE FROM session_title_index WHERE rowid = ?", seq);
  }

  addTurn(seq: number, turn: Pick<Turn, "messages">): void {
    this.#sql.exec("INSERT INTO session_turn_index (rowid, text) VALUES (?, ?)", seq, searchText(turnText(turn)));
  }

  dropTurns(seqs: readonly number[]): void {
    for (const seq of seqs) this.#sql.exec("DELETE FROM session_turn_index WHERE rowid = ?", seq);
  }

  /** Rows of sessions of that person whose titles have all that was typed, the best first. */
  titles(userId: string, typed: string, limit: number): IndexHit[] {
    return this.#find(
      `SELECT i.rowid AS seq, -i.rank AS score FROM session_title_index i CROSS JOIN sessions s ON s.seq = i.rowid
       WHERE session_title_index MATCH ? AND s.user_id = ? ORDER BY i.rank LIMIT ?`,
      userId,
      typed,
      limit,
    );
  }

  /** Rows of hot turns of that person which have all that was typed, the best first. */
  turns(userId: string, typed: string, limit: number): IndexHit[] {
    return this.#find(
      `SELECT i.rowid AS seq, -i.rank AS score FROM session_turn_index i CROSS JOIN session_turns t ON t.seq = i.rowid
       CROSS JOIN sessions s ON s.id = t.session_id
       WHERE session_turn_index MATCH ? AND s.user_id = ? ORDER BY i.rank LIMIT ?`,
      userId,
      typed,
      limit,
    );
  }

  #find(query: string, userId: string, typed: string, limit: number): IndexHit[] {
    const match = searchQuery(typed);
    if (match === undefined) return [];
    const rows = this.#sql.exec(query, match, userId, limit).toArray();
    return rows.map((row) => hitSchema.parse(row));
  }
}
