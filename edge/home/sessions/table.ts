import { z } from "zod";
import { TIER_LIMITS } from "./limits.ts";
import { type Session, sessionSchema } from "../../../shared/sessions/session.ts";
import { sessionSettingsSchema, type SessionSettings } from "../../../shared/sessions/settings.ts";

/** A session as its row says. */
export interface SessionRow extends Session {
  /** Rowid in the index of titles. */
  seq: number;
  /** Turns before this one are cold: they are at a home machine, not here. */
  coldTo: number;
  /** Counts every change. */
  revision: number;
  /** The revision that the backup has; 0: none. */
  backedUp: number;
  /** Whether something of it may be in the backup already. */
  backupBegan: boolean;
}

export interface ListFilter {
  userId: string;
  /** Only what comes after this one in the list. */
  before?: { updatedAtMs: number; id: string };
  limit: number;
}

const json = z.string().transform((text): unknown => JSON.parse(text));

const rowSchema = z
  .object({
    seq: z.number(),
    id: z.string(),
    user_id: z.string(),
    title: z.string(),
    created_at: z.number(),
    updated_at: z.number(),
    turn_count: z.number(),
    cold_to: z.number(),
    settings: json,
    summary: json.nullable(),
    forked_from: json.nullable(),
    source: z.string().nullable(),
    revision: z.number(),
    backed_up: z.number(),
    backup_began: z.number(),
  })
  .transform((row): SessionRow => {
    const session = sessionSchema.parse({
      id: row.id,
      userId: row.user_id,
      title: row.title,
      createdAtMs: row.created_at,
      updatedAtMs: row.updated_at,
      turnCount: row.turn_count,
      settings: row.settings,
      ...(row.summary === null ? {} : { summary: row.summary }),
      ...(row.forked_from === null ? {} : { forkedFrom: row.forked_from }),
      ...(row.source === null ? {} : { source: row.source }),
    });
    const { seq, cold_to: coldTo, revision, backed_up: backedUp } = row;
    return { ...session, seq, coldTo, revision, backedUp, backupBegan: row.backup_began === 1 };
  });

const countSchema = z.object({ n: z.number() });

/** The fields of a session that people see. */
export function shownSession(row: SessionRow): Session {
  const { seq: _seq, coldTo: _cold, revision: _revision, backedUp: _backedUp, backupBegan: _began, ...session } = row;
  return session;
}

/** Sessions and people's settings in a Durable Object's SQLite. */
export class SessionTable {
  readonly #sql: SqlStorage;
  /** Counting rows takes as long as there are many. */
  readonly #counts = new Map<string, number>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS sessions (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, user_id TEXT NOT NULL, title TEXT NOT NULL,
         created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, turn_count INTEGER NOT NULL, cold_to INTEGER NOT NULL,
         settings TEXT NOT NULL, summary TEXT, forked_from TEXT, source TEXT, source_id TEXT,
         revision INTEGER NOT NULL, backed_up INTEGER NOT NULL, backed_up_at INTEGER NOT NULL, backup_began INTEGER NOT NULL)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id, updated_at DESC, id DESC)");
    sql.exec("CREATE UNIQUE INDEX IF NOT EXISTS sessions_by_source ON sessions (user_id, source_id)");
    sql.exec("CREATE INDEX IF NOT EXISTS sessions_dirty ON sessions (updated_at) WHERE backed_up < revision");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS session_people (user_id TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS session_departed (user_id TEXT PRIMARY KEY) WITHOUT ROWID");
  }

  /** `coldTo` is that of a session whose older turns are at a machine already. */
  add(session: Session, of: { sourceId?: string; coldTo?: number } = {}): SessionRow {
    const [row] = this.#read(
      `INSERT INTO sessions (id, user_id, title, created_at, updated_at, turn_count, cold_to, settings, summary, forked_from,
         source, source_id, revision, backed_up, backed_up_at, backup_began)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1, 0, ?4, 0) RETURNING *`,
      session.id,
      session.userId,
      session.title,
      session.createdAtMs,
      session.updatedAtMs,
      session.turnCount,
      of.coldTo ?? 0,
      JSON.stringify(session.settings),
      session.summary === undefined ? null : JSON.stringify(session.summary),
      session.forkedFrom === undefined ? null : JSON.stringify(session.forkedFrom),
      session.source ?? null,
      of.sourceId ?? null,
    );
    if (row === undefined) throw new Error("a row that was written was not returned");
    this.#counted(session.userId, 1);
    return row;
  }

  find(id: string): SessionRow | undefined {
    return this.#read("SELECT * FROM sessions WHERE id = ?", id)[0];
  }

  findSource(userId: string, sourceId: string): SessionRow | undefined {
    return this.#read("SELECT * FROM sessions WHERE user_id = ? AND source_id = ?", userId, sourceId)[0];
  }

  bySeq(seq: number): SessionRow | undefined {
    return this.#read("SELECT * FROM sessions WHERE seq = ?", seq)[0];
  }

  /** The one that changed last first. */
  list({ userId, before, limit }: ListFilter): SessionRow[] {
    if (before === undefined) {
      const query = "SELECT * FROM sessions WHERE user_id = ? ORDER BY updated_at DESC, id DESC LIMIT ?";
      return this.#read(query, userId, limit);
    }
    return this.#read(
      `SELECT * FROM sessions WHERE user_id = ? AND (updated_at, id) < (?, ?)
       ORDER BY updated_at DESC, id DESC LIMIT ?`,
      userId,
      before.updatedAtMs,
      before.id,
      limit,
    );
  }

  idsOf(userId: string, limit: number): string[] {
    const rows = this.#sql.exec("SELECT id FROM sessions WHERE user_id = ? LIMIT ?", userId, limit).toArray();
    return rows.map((row) => z.object({ id: z.string() }).parse(row).id);
  }

  /** How many a person has, about: what was taken back may be counted until the next life of the object. */
  count(userId: string): number {
    const known = this.#counts.get(userId);
    if (known !== undefined) return known;
    const row = this.#sql.exec("SELECT count(*) AS n FROM sessions WHERE user_id = ?", userId).one();
    const { n } = countSchema.parse(row);
    this.#counts.set(userId, n);
    return n;
  }

  #counted(userId: string, change: number): void {
    const known = this.#counts.get(userId);
    if (known !== undefined) this.#counts.set(userId, known + change);
  }

  /** Writes what may change; counts it as a change. */
  change(id: string, { title, settings, summary, turnCount, updatedAtMs }: Partial<Session>): void {
    this.#sql.exec(
      `UPDATE sessions SET revision = revision + 1, title = coalesce(?2, title), settings = coalesce(?3, settings),
         summary = coalesce(?4, summary), turn_count = coalesce(?5, turn_count), updated_at = max(updated_at, coalesce(?6, 0))
       WHERE id = ?1`,
      id,
      title ?? null,
      settings === undefined ? null : JSON.stringify(settings),
      summary === undefined ? null : JSON.stringify(summary),
      turnCount ?? null,
      updatedAtMs ?? null,
    );
  }

  /** What was said of replaced turns holds no more. */
  dropSummary(id: string): void {
    this.#sql.exec("UPDATE sessions SET summary = NULL, revision = revision + 1 WHERE id = ?", id);
  }

  setColdTo(id: string, coldTo: number): void {
    this.#sql.exec("UPDATE sessions SET cold_to = ?, revision = revision + 1 WHERE id = ?", coldTo, id);
  }

  remove(id: string): void {
    const rows = this.#sql.exec("DELETE FROM sessions WHERE id = ? RETURNING user_id", id).toArray();
    for (const row of rows) this.#counted(z.object({ user_id: z.string() }).parse(row).user_id, -1);
  }

  /** Sessions that the backup does not have as they are, and that are quiet or have waited long: the longest first. */
  dirty(nowMs: number, limit: number): SessionRow[] {
    return this.#read(
      `SELECT * FROM sessions WHERE backed_up < revision AND (updated_at <= ? OR backed_up_at <= ?)
       ORDER BY updated_at LIMIT ?`,
      nowMs - TIER_LIMITS.backupQuietMs,
      nowMs - TIER_LIMITS.backupEveryMs,
      limit,
    );
  }

  /** When the next of them is due, or was. */
  nextDirtyMs(): number | undefined {
    const query = `SELECT updated_at, backed_up_at FROM sessions WHERE backed_up < revision ORDER BY updated_at LIMIT 1`;
    const [row] = this.#sql.exec(query).toArray();
    if (row === undefined) return undefined;
    const { updated_at, backed_up_at } = z.object({ updated_at: z.number(), backed_up_at: z.number() }).parse(row);
    return Math.min(updated_at + TIER_LIMITS.backupQuietMs, backed_up_at + TIER_LIMITS.backupEveryMs);
  }

  sourceIdOf(id: string): string | undefined {
    const [row] = this.#sql.exec("SELECT source_id FROM sessions WHERE id = ?", id).toArray();
    return row === undefined
      ? undefined
      : (z.object({ source_id: z.string().nullable() }).parse(row).source_id ?? undefined);
  }

  beginBackup(id: string): void {
    this.#sql.exec("UPDATE sessions SET backup_began = 1 WHERE id = ? AND backup_began = 0", id);
  }

  /** The backup has that revision: what changed meanwhile stays to be done. */
  setBackedUp(id: string, revision: number, nowMs: number): void {
    this.#sql.exec(
      "UPDATE sessions SET backed_up = max(backed_up, ?), backed_up_at = ? WHERE id = ?",
      revision,
      nowMs,
      id,
    );
  }

  settingsOf(userId: string): SessionSettings {
    const [row] = this.#sql.exec("SELECT settings FROM session_people WHERE user_id = ?", userId).toArray();
    return row === undefined ? {} : sessionSettingsSchema.parse(z.object({ settings: json }).parse(row).settings);
  }

  setSettingsOf(userId: string, settings: SessionSettings): void {
    this.#sql.exec(
      "INSERT INTO session_people (user_id, settings) VALUES (?1, ?2) ON CONFLICT (user_id) DO UPDATE SET settings = ?2",
      userId,
      JSON.stringify(settings),
    );
  }

  /** A person left; their sessions are yet to be deleted. */
  depart(userId: string): void {
    this.#sql.exec("DELETE FROM session_people WHERE user_id = ?", userId);
    this.#sql.exec("INSERT OR IGNORE INTO session_departed (user_id) VALUES (?)", userId);
  }

  departed(): string[] {
    const rows = this.#sql.exec("SELECT user_id FROM session_departed").toArray();
    return rows.map((row) => z.object({ user_id: z.string() }).parse(row).user_id);
  }

  forgetDeparted(userId: string): void {
    this.#sql.exec("DELETE FROM session_departed WHERE user_id = ?", userId);
  }

  #read(query: string, ...values: (string | number | null)[]): SessionRow[] {
    return this.#sql
      .exec(query, ...values)
      .toArray()
      .map((row) => rowSchema.parse(row));
  }
}
