import { z } from "zod";
import { PLUGIN_LIMITS } from "./limits.ts";

/** A call as it is kept for its person. */
export interface CallRecord {
  id: string;
  /** `@publisher/name`, its version and hash. */
  plugin: string;
  version: string;
  hash: string;
  tool: string;
  /** Null until it has begun to run. */
  place: "edge" | "home" | null;
  /** The turn that it was made for. */
  sessionId: string | null;
  turn: number | null;
  state: "running" | "done" | "failed";
  error: { code: string; message: string } | null;
  startedAtMs: number;
  /** Null while it runs. */
  ms: number | null;
}

/** JSON, cut where it was too long, and what it said on its way. */
export interface WholeCallRecord extends CallRecord {
  input: string;
  result: string | null;
  logs: string;
}

export interface CallFilter {
  plugin?: string | undefined;
  sessionId?: string | undefined;
  /** Id of a call: only those that began before it. */
  before?: string | undefined;
  limit: number;
}

const rowSchema = z
  .object({
    id: z.string(),
    plugin: z.string(),
    version: z.string(),
    hash: z.string(),
    tool: z.string(),
    place: z.enum(["edge", "home"]).nullable(),
    session_id: z.string().nullable(),
    turn: z.number().nullable(),
    state: z.enum(["running", "done", "failed"]),
    error: z
      .string()
      .transform((text): unknown => JSON.parse(text))
      .pipe(z.object({ code: z.string(), message: z.string() }))
      .nullable(),
    started_at: z.number(),
    ms: z.number().nullable(),
  })
  .transform(
    ({ session_id, started_at, ...row }): CallRecord => ({ ...row, sessionId: session_id, startedAtMs: started_at }),
  );
const textSchema = z.object({ input: z.string(), result: z.string().nullable(), logs: z.string() });
const SHOWN = "id, plugin, version, hash, tool, place, session_id, turn, state, error, started_at, ms";
const MARK = "…";

/** Calls of people's plugins, in a Durable Object's SQLite: the latest ones, for a while. */
export class CallTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_calls (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, user_id TEXT NOT NULL, plugin TEXT NOT NULL, version TEXT NOT NULL,
         hash TEXT NOT NULL, tool TEXT NOT NULL, place TEXT, session_id TEXT, turn INTEGER, state TEXT NOT NULL, error TEXT,
         started_at INTEGER NOT NULL, ms INTEGER, input TEXT NOT NULL, result TEXT, logs TEXT NOT NULL, UNIQUE (user_id, id))`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS plugin_calls_by_user ON plugin_calls (user_id, seq)");
    sql.exec("CREATE INDEX IF NOT EXISTS plugin_calls_by_time ON plugin_calls (started_at)");
    // What was under way when an earlier life of the object ended has nobody that waits for it.
    const error = JSON.stringify({ code: "edge_restarting", message: "The edge restarted during this call." });
    sql.exec("UPDATE plugin_calls SET state = 'failed', ms = 0, error = ? WHERE state = 'running'", error);
  }

  /** Returns false where the person has a call of this id. */
  begin(userId: string, record: Omit<WholeCallRecord, "state" | "error" | "ms" | "result" | "logs">): boolean {
    const { id, plugin, version, hash, tool, place, sessionId, turn, startedAtMs, input } = record;
    const written = this.#sql
      .exec(
        `INSERT OR IGNORE INTO plugin_calls (id, user_id, plugin, version, hash, tool, place, session_id, turn, state, started_at, input, logs)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?, ?, '') RETURNING seq`,
        id,
        userId,
        plugin,
        version,
        hash,
        tool,
        place,
        sessionId,
        turn,
        startedAtMs,
        cut(input),
      )
      .toArray();
    this.#purge(userId, startedAtMs);
    return written.length > 0;
  }

  /** It has come to where it runs. */
  runsAt(userId: string, id: string, place: "edge" | "home"): void {
    this.#sql.exec("UPDATE plugin_calls SET place = ? WHERE user_id = ? AND id = ?", place, userId, id);
  }

  end(
    userId: string,
    id: string,
    of: Pick<WholeCallRecord, "result" | "error" | "ms"> & { logs: readonly string[] },
  ): void {
    const { result, error, ms, logs } = of;
    this.#sql.exec(
      "UPDATE plugin_calls SET state = ?, result = ?, error = ?, ms = ?, logs = ? WHERE user_id = ? AND id = ?",
      error === null ? "done" : "failed",
      result === null ? null : cut(result),
      error === null ? null : JSON.stringify({ code: error.code, message: error.message.slice(0, 2_000) }),
      ms,
      cut(logs.join("\n")),
      userId,
      id,
    );
  }

  /** The latest first. */
  list(userId: string, { plugin, sessionId, before, limit }: CallFilter): CallRecord[] {
    return this.#sql
      .exec(
        `SELECT ${SHOWN} FROM plugin_calls WHERE user_id = ?1 AND (?2 IS NULL OR plugin = ?2) AND (?3 IS NULL OR session_id = ?3)
           AND (?4 IS NULL OR seq < (SELECT seq FROM plugin_calls WHERE user_id = ?1 AND id = ?4)) ORDER BY seq DESC LIMIT ?5`,
        userId,
        plugin ?? null,
        sessionId ?? null,
        before ?? null,
        limit,
      )
      .toArray()
      .map((row) => rowSchema.parse(row));
  }

  find(userId: string, id: string): WholeCallRecord | undefined {
    const [row] = this.#sql.exec("SELECT * FROM plugin_calls WHERE user_id = ? AND id = ?", userId, id).toArray();
    return row === undefined ? undefined : { ...rowSchema.parse(row), ...textSchema.parse(row) };
  }

  removeOf(userId: string): void {
    this.#sql.exec("DELETE FROM plugin_calls WHERE user_id = ?", userId);
  }

  #purge(userId: string, nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM plugin_calls WHERE user_id = ?1 AND seq <= (
         SELECT seq FROM plugin_calls WHERE user_id = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)`,
      userId,
      PLUGIN_LIMITS.calls,
    );
    this.#sql.exec("DELETE FROM plugin_calls WHERE started_at < ?", nowMs - PLUGIN_LIMITS.callsKeptMs);
  }
}

/** At most so many bytes of UTF-8 (no character is longer than three a unit). */
function cut(text: string): string {
  const most = PLUGIN_LIMITS.recordBytes;
  if (text.length * 3 <= most) return text;
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= most) return text;
  return `${new TextDecoder().decode(bytes.subarray(0, most - 6)).replace(/\uFFFD+$/, "")}${MARK}`;
}
