import { z } from "zod";

const bytesSchema = z.instanceof(ArrayBuffer);
const rowSchema = z.object({ created_at: z.number(), vector: bytesSchema });
const dueSchema = z.object({ session_id: z.string(), changes: z.number(), at: z.number() });
const progressSchema = z.object({ model: z.string(), up_to: z.number() });

type VectorRow = [sessionId: string, index: number, createdAtMs: number, vector: ArrayBuffer];

/** That of a turn. */
export interface Place {
  sessionId: string;
  index: number;
}

/** The vector of a turn. */
export interface TurnVector extends Place {
  /** Of the turn: one that was replaced since is another. */
  createdAtMs: number;
  /** See `packVector`. */
  vector: ArrayBuffer;
}

/** A session that is to be looked at. */
export interface Due {
  sessionId: string;
  /** How often it has changed since it was last settled. */
  changes: number;
  /** Not before. */
  atMs: number;
}

/** How far a session is known by meaning. */
export interface Progress {
  /** Vectors of different models say nothing of each other. */
  model: string;
  /** Turns before this one have been looked at. */
  upTo: number;
}

/**
 * Vectors of turns in a Durable Object's SQLite, of the cold ones too: a few hundred bytes each. What is due is written down by the
 * sessions' own rows, so that no writer of turns can forget it, and nothing stays of a session that is deleted.
 */
export class VectorTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const isNew = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'session_meaning_due'").toArray().length === 0;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_turn_vectors (
         user_id TEXT NOT NULL, session_id TEXT NOT NULL, idx INTEGER NOT NULL, created_at INTEGER NOT NULL, vector BLOB NOT NULL,
         PRIMARY KEY (user_id, session_id, idx)) WITHOUT ROWID`,
    );
    sql.exec(
      "CREATE TABLE IF NOT EXISTS session_meaning (session_id TEXT PRIMARY KEY, model TEXT NOT NULL, up_to INTEGER NOT NULL) WITHOUT ROWID",
    );
    sql.exec(
      "CREATE TABLE IF NOT EXISTS session_meaning_due (session_id TEXT PRIMARY KEY, changes INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS session_meaning_next ON session_meaning_due (at)");
    for (const event of ["INSERT", "UPDATE OF turn_count, updated_at"]) {
      sql.exec(
        `CREATE TRIGGER IF NOT EXISTS session_meaning_${event.slice(0, 6).toLowerCase()} AFTER ${event} ON sessions
         WHEN new.turn_count > 0 BEGIN
           INSERT INTO session_meaning_due VALUES (new.id, 1, 0) ON CONFLICT DO UPDATE SET changes = changes + 1, at = 0;
         END`,
      );
    }
    sql.exec(
      `CREATE TRIGGER IF NOT EXISTS session_meaning_removed AFTER DELETE ON sessions BEGIN
         DELETE FROM session_turn_vectors WHERE user_id = old.user_id AND session_id = old.id;
         DELETE FROM session_meaning WHERE session_id = old.id;
         DELETE FROM session_meaning_due WHERE session_id = old.id;
       END`,
    );
    if (isNew) sql.exec("INSERT INTO session_meaning_due SELECT id, 1, 0 FROM sessions WHERE turn_count > 0");
  }

  /** The session that is to be looked at next. */
  due(): Due | undefined {
    const [row] = this.#sql.exec("SELECT * FROM session_meaning_due ORDER BY at LIMIT 1").toArray();
    if (row === undefined) return undefined;
    const { session_id: sessionId, changes, at: atMs } = dueSchema.parse(row);
    return { sessionId, changes, atMs };
  }

  /** Nothing is left to look at, unless it has changed since. */
  settle({ sessionId, changes }: Due): void {
    this.#sql.exec("DELETE FROM session_meaning_due WHERE session_id = ? AND changes = ?", sessionId, changes);
  }

  /** It could not be done: others go first. */
  postpone({ sessionId }: Due, untilMs: number): void {
    this.#sql.exec("UPDATE session_meaning_due SET at = ? WHERE session_id = ?", untilMs, sessionId);
  }

  /** Sessions that are known by another model are looked at again. */
  dueForOthersThan(model: string): void {
    this.#sql.exec(
      "INSERT OR IGNORE INTO session_meaning_due SELECT session_id, 1, 0 FROM session_meaning WHERE model <> ?",
      model,
    );
  }

  /** The model by which most sessions are known, of those that are asked for. */
  mostUsed(models: readonly string[]): string | undefined {
    const rows = this.#sql
      .exec("SELECT model, count(*) AS n FROM session_meaning GROUP BY model ORDER BY n DESC")
      .toArray();
    const used = rows.map((row) => z.object({ model: z.string() }).parse(row).model);
    return used.find((model) => models.includes(model));
  }

  progress(sessionId: string): Progress | undefined {
    const [row] = this.#sql.exec("SELECT model, up_to FROM session_meaning WHERE session_id = ?", sessionId).toArray();
    if (row === undefined) return undefined;
    const { model, up_to: upTo } = progressSchema.parse(row);
    return { model, upTo };
  }

  /** Forgets a session's vectors from that turn on. */
  cut(userId: string, sessionId: string, from: number): void {
    this.#sql.exec(
      "DELETE FROM session_turn_vectors WHERE user_id = ? AND session_id = ? AND idx >= ?",
      userId,
      sessionId,
      from,
    );
  }

  setProgress(sessionId: string, { model, upTo }: Progress): void {
    this.#sql.exec("INSERT OR REPLACE INTO session_meaning VALUES (?, ?, ?)", sessionId, model, upTo);
  }

  add(userId: string, { sessionId, index, createdAtMs, vector }: TurnVector): void {
    const query = "INSERT OR REPLACE INTO session_turn_vectors VALUES (?, ?, ?, ?, ?)";
    this.#sql.exec(query, userId, sessionId, index, createdAtMs, vector);
  }

  find(userId: string, sessionId: string, index: number): TurnVector | undefined {
    const query = "SELECT * FROM session_turn_vectors WHERE user_id = ? AND session_id = ? AND idx = ?";
    const [row] = this.#sql.exec(query, userId, sessionId, index).toArray();
    if (row === undefined) return undefined;
    const { created_at: createdAtMs, vector } = rowSchema.parse(row);
    return { sessionId, index, createdAtMs, vector };
  }

  /** Those of a person that are of that model and behind a place, in the order of sessions and turns: `limit` of them at most. */
  page(userId: string, model: string, after: Place, limit: number): TurnVector[] {
    // The two tables in this order: without CROSS the one of sessions would lead, and all of its rows be sorted.
    const query = `SELECT v.session_id, v.idx, v.created_at, v.vector FROM session_turn_vectors v
       CROSS JOIN session_meaning m ON m.session_id = v.session_id
       WHERE v.user_id = ? AND (v.session_id, v.idx) > (?, ?) AND m.model = ? ORDER BY v.session_id, v.idx LIMIT ?`;
    const { sessionId, index } = after;
    // Not by a schema: these are a search's hundred thousands, and the columns are of these types.
    const rows = this.#sql.exec(query, userId, sessionId, index, model, limit).raw<VectorRow>();
    return Array.from(rows, ([id, idx, createdAtMs, vector]) => ({ sessionId: id, index: idx, createdAtMs, vector }));
  }
}
