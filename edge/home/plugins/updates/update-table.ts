import { z } from "zod";
import { offerSchema, problemSchema, UPDATE_MODES, type UpdateEntry, type UpdateState } from "./update-state.ts";

/** Entries of one plugin that are kept. */
const MOST_ENTRIES = 20;

const json = z.string().transform((text): unknown => JSON.parse(text));
const rowSchema = z
  .object({
    user_id: z.string(),
    name: z.string(),
    mode: z.enum(UPDATE_MODES),
    hash: z.string(),
    origin: z.enum(["market", "file"]).nullable(),
    yanked: z.number(),
    checked_at: z.number().nullable(),
    next_at: z.number(),
    failures: z.number(),
    offer: json.pipe(offerSchema).nullable(),
    problem: json.pipe(problemSchema).nullable(),
  })
  .transform(
    ({ user_id, yanked, checked_at, next_at, ...row }): UpdateState => ({
      ...row,
      userId: user_id,
      isYanked: yanked === 1,
      checkedAtMs: checked_at,
      nextAtMs: next_at,
    }),
  );
const entrySchema = z
  .object({
    from_version: z.string(),
    to_version: z.string(),
    how: z.enum(["automatic", "agreed", "rollback"]),
    at: z.number(),
  })
  .transform(
    ({ from_version, to_version, how, at }): UpdateEntry => ({ from: from_version, to: to_version, how, atMs: at }),
  );

/** How people's plugins stand to their market, and what became of them, in a Durable Object's SQLite. */
export class UpdateTable {
  readonly #sql: SqlStorage;

  /** After the table of what is installed: what was there before this one is looked after too. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_updates (
         user_id TEXT NOT NULL, name TEXT NOT NULL, mode TEXT NOT NULL, hash TEXT NOT NULL, origin TEXT, yanked INTEGER NOT NULL,
         checked_at INTEGER, next_at INTEGER NOT NULL, failures INTEGER NOT NULL, offer TEXT, problem TEXT, PRIMARY KEY (user_id, name))`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS plugin_updates_next ON plugin_updates (next_at)");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_update_log (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, name TEXT NOT NULL, from_version TEXT NOT NULL,
         to_version TEXT NOT NULL, how TEXT NOT NULL, at INTEGER NOT NULL)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS plugin_update_log_of ON plugin_update_log (user_id, name)");
    sql.exec(
      `INSERT OR IGNORE INTO plugin_updates (user_id, name, mode, hash, yanked, next_at, failures)
       SELECT user_id, name, 'automatic', hash, 0, 0, 0 FROM plugin_installs`,
    );
  }

  find(userId: string, name: string): UpdateState | undefined {
    return this.#read("user_id = ? AND name = ?", userId, name)[0];
  }

  /** By name. */
  of(userId: string): UpdateState[] {
    return this.#read("user_id = ? ORDER BY name", userId);
  }

  due(nowMs: number, limit: number): UpdateState[] {
    return this.#read("next_at <= ? ORDER BY next_at LIMIT ?", nowMs, limit);
  }

  nextAtMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(next_at) AS at FROM plugin_updates").one();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  put(state: UpdateState): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO plugin_updates
         (user_id, name, mode, hash, origin, yanked, checked_at, next_at, failures, offer, problem)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      state.userId,
      state.name,
      state.mode,
      state.hash,
      state.origin,
      state.isYanked ? 1 : 0,
      state.checkedAtMs,
      state.nextAtMs,
      state.failures,
      state.offer === null ? null : JSON.stringify(state.offer),
      state.problem === null ? null : JSON.stringify(state.problem),
    );
  }

  /** With its entries. */
  remove(userId: string, name: string): void {
    for (const table of ["plugin_updates", "plugin_update_log"])
      this.#sql.exec(`DELETE FROM ${table} WHERE user_id = ? AND name = ?`, userId, name);
  }

  note(userId: string, name: string, { from, to, how, atMs }: UpdateEntry): void {
    this.#sql.exec(
      "INSERT INTO plugin_update_log (user_id, name, from_version, to_version, how, at) VALUES (?, ?, ?, ?, ?, ?)",
      userId,
      name,
      from,
      to,
      how,
      atMs,
    );
    this.#sql.exec(
      `DELETE FROM plugin_update_log WHERE user_id = ?1 AND name = ?2 AND seq NOT IN
         (SELECT seq FROM plugin_update_log WHERE user_id = ?1 AND name = ?2 ORDER BY seq DESC LIMIT ?3)`,
      userId,
      name,
      MOST_ENTRIES,
    );
  }

  /** The latest first. */
  entries(userId: string, name: string): UpdateEntry[] {
    return this.#sql
      .exec("SELECT * FROM plugin_update_log WHERE user_id = ? AND name = ? ORDER BY seq DESC", userId, name)
      .toArray()
      .map((row) => entrySchema.parse(row));
  }

  #read(condition: string, ...values: (string | number)[]): UpdateState[] {
    const rows = this.#sql.exec(`SELECT * FROM plugin_updates WHERE ${condition}`, ...values).toArray();
    return rows.map((row) => rowSchema.parse(row));
  }
}
