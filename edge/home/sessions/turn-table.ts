import { z } from "zod";
import { concatBytes } from "../../../shared/bytes.ts";
import { encodeJson } from "../../../shared/protocol/json.ts";
import { type Turn, turnSchema, turnStateSchema } from "../../../shared/sessions/turn.ts";

/** SQLite in a Durable Object takes 2 MB in a row: what is larger goes on in further rows. */
const PART_BYTES = 1024 * 1024;

const bytesSchema = z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer));
const rowSchema = z.object({ seq: z.number(), idx: z.number(), bytes: z.number(), body: bytesSchema });
const partSchema = z.object({ body: bytesSchema });
const headSchema = z.object({
  seq: z.number(),
  idx: z.number(),
  hot_at: z.number(),
  bytes: z.number(),
  state: turnStateSchema,
});
const placeSchema = z.object({ session_id: z.string(), idx: z.number() });

/** A hot turn without what was said in it. */
export type TurnHead = z.infer<typeof headSchema>;

const decoder = new TextDecoder();

/** Hot turns in a Durable Object's SQLite. */
export class TurnTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_turns (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, idx INTEGER NOT NULL, state TEXT NOT NULL,
         run_id TEXT, hot_at INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (session_id, idx))`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS session_turns_by_age ON session_turns (hot_at)");
    sql.exec("CREATE INDEX IF NOT EXISTS session_turns_by_run ON session_turns (run_id) WHERE run_id IS NOT NULL");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_turn_parts (
         turn_seq INTEGER NOT NULL, part INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (turn_seq, part)) WITHOUT ROWID`,
    );
  }

  /** Writes a turn that is not there yet; it has been hot since `hotAtMs`. Returns its row. */
  add(sessionId: string, turn: Turn, hotAtMs: number): number {
    const bytes = encodeJson(turn);
    const row = this.#sql
      .exec(
        `INSERT INTO session_turns (session_id, idx, state, run_id, hot_at, bytes, body) VALUES (?, ?, ?, ?, ?, ?, ?)
         RETURNING seq`,
        sessionId,
        turn.index,
        turn.state,
        turn.runId ?? null,
        hotAtMs,
        bytes.length,
        bytes.slice(0, PART_BYTES).buffer,
      )
      .one();
    const { seq } = z.object({ seq: z.number() }).parse(row);
    for (let part = 1; part * PART_BYTES < bytes.length; part++) {
      const slice = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES).buffer;
      this.#sql.exec("INSERT INTO session_turn_parts (turn_seq, part, body) VALUES (?, ?, ?)", seq, part, slice);
    }
    return seq;
  }

  /** From `from` to before `to`, as far as they are hot. */
  turns(sessionId: string, from: number, to: number): Turn[] {
    const query =
      "SELECT seq, idx, bytes, body FROM session_turns WHERE session_id = ? AND idx >= ? AND idx < ? ORDER BY idx";
    return this.#sql
      .exec(query, sessionId, from, to)
      .toArray()
      .map((row) => this.#turn(rowSchema.parse(row)));
  }

  /** The same without their text. */
  heads(sessionId: string, from: number, to: number): TurnHead[] {
    const query =
      "SELECT seq, idx, hot_at, bytes, state FROM session_turns WHERE session_id = ? AND idx >= ? AND idx < ? ORDER BY idx";
    const rows = this.#sql.exec(query, sessionId, from, to).toArray();
    return rows.map((row) => headSchema.parse(row));
  }

  /** Where the turns of the household that came last are, but for very long ones. */
  latest(limit: number): { sessionId: string; index: number }[] {
    const query = "SELECT session_id, idx FROM session_turns WHERE bytes <= ? ORDER BY seq DESC LIMIT ?";
    return this.#places(query, PART_BYTES, limit);
  }

  byRun(runId: string): { sessionId: string; index: number } | undefined {
    return this.#places("SELECT session_id, idx FROM session_turns WHERE run_id = ?", runId)[0];
  }

  /** Turns whose end is yet to come. */
  answering(): { sessionId: string; index: number }[] {
    return this.#places("SELECT session_id, idx FROM session_turns WHERE state = 'answering'");
  }

  place(seq: number): { sessionId: string; index: number } | undefined {
    return this.#places("SELECT session_id, idx FROM session_turns WHERE seq = ?", seq)[0];
  }

  remove(sessionId: string, from: number, to: number): void {
    this.#sql.exec(
      `DELETE FROM session_turn_parts
       WHERE turn_seq IN (SELECT seq FROM session_turns WHERE session_id = ? AND idx >= ? AND idx < ? AND bytes > ?)`,
      sessionId,
      from,
      to,
      PART_BYTES,
    );
    this.#sql.exec("DELETE FROM session_turns WHERE session_id = ? AND idx >= ? AND idx < ?", sessionId, from, to);
  }

  /** Sessions whose oldest hot turn has ended and was hot before `beforeMs` already. */
  aged(beforeMs: number, limit: number): string[] {
    const query = `SELECT t.session_id, t.idx FROM session_turns t JOIN sessions s ON s.id = t.session_id AND s.cold_to = t.idx
       WHERE t.hot_at < ? AND t.state <> 'answering' ORDER BY t.hot_at LIMIT ?`;
    return this.#places(query, beforeMs, limit).map(({ sessionId }) => sessionId);
  }

  /** Since when the oldest turn has been hot. */
  oldestMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(hot_at) AS at FROM session_turns").one();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  #turn({ seq, bytes, body }: z.infer<typeof rowSchema>): Turn {
    const parts = bytes > PART_BYTES ? this.#parts(seq) : [];
    return turnSchema.parse(JSON.parse(decoder.decode(concatBytes([body, ...parts]))));
  }

  #parts(seq: number): Uint8Array[] {
    const rows = this.#sql.exec("SELECT body FROM session_turn_parts WHERE turn_seq = ? ORDER BY part", seq).toArray();
    return rows.map((row) => partSchema.parse(row).body);
  }

  #places(query: string, ...values: (string | number)[]): { sessionId: string; index: number }[] {
    const rows = this.#sql.exec(query, ...values).toArray();
    return rows.map((row) => {
      const { session_id: sessionId, idx: index } = placeSchema.parse(row);
      return { sessionId, index };
    });
  }
}
