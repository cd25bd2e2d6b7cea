import { z } from "zod";
import type { Dropped } from "../archive-port.ts";

/** A deleted session whose backup is yet to be deleted. */
export interface BackupTombstone {
  sessionId: string;
  deletedAtMs: number;
}

const dropSchema = z.object({ kind: z.enum(["session", "segment"]), id: z.string() });
const tombstoneSchema = z
  .object({ session_id: z.string(), deleted_at: z.number() })
  .transform((row): BackupTombstone => ({ sessionId: row.session_id, deletedAtMs: row.deleted_at }));

/**
 * What was deleted here and may yet be elsewhere: per machine what it is to drop, and of which sessions the backup is to go. A row goes
 * when the other side has confirmed.
 */
export class DropTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // Every machine that was ever sent turns of a session that still is.
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_holders (session_id TEXT NOT NULL, agent_id TEXT NOT NULL,
         PRIMARY KEY (session_id, agent_id)) WITHOUT ROWID`,
    );
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_drops (agent_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
         PRIMARY KEY (agent_id, kind, id)) WITHOUT ROWID`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS session_drops_by_id ON session_drops (id)");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS session_tombstones (session_id TEXT PRIMARY KEY, deleted_at INTEGER NOT NULL,
         in_backup INTEGER NOT NULL) WITHOUT ROWID`,
    );
  }

  addHolder(sessionId: string, agentId: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO session_holders (session_id, agent_id) VALUES (?, ?)", sessionId, agentId);
  }

  /** A session is deleted. */
  addSession(sessionId: string, deletedAtMs: number, isInBackup: boolean): void {
    this.#sql.exec(
      `INSERT OR IGNORE INTO session_drops (agent_id, kind, id)
       SELECT agent_id, 'session', session_id FROM session_holders WHERE session_id = ?`,
      sessionId,
    );
    this.#sql.exec("DELETE FROM session_holders WHERE session_id = ?", sessionId);
    this.#sql.exec(
      "INSERT OR REPLACE INTO session_tombstones (session_id, deleted_at, in_backup) VALUES (?, ?, ?)",
      sessionId,
      deletedAtMs,
      isInBackup ? 1 : 0,
    );
    this.#bury(sessionId);
  }

  /** A segment is replaced by others, or was never wanted. */
  addSegment(id: string, agentId: string): void {
    this.#addDrop("segment", id, agentId);
  }

  /** A machine has, from an old backup, what was deleted. */
  addStray(sessionId: string, agentId: string): void {
    this.#addDrop("session", sessionId, agentId);
  }

  isDeleted(sessionId: string): boolean {
    return this.#sql.exec("SELECT 1 FROM session_tombstones WHERE session_id = ?", sessionId).toArray().length > 0;
  }

  /** What a machine is yet to drop. */
  dropsOf(agentId: string, limit: number): Dropped {
    const rows = this.#sql.exec("SELECT kind, id FROM session_drops WHERE agent_id = ? LIMIT ?", agentId, limit);
    const drops = rows.toArray().map((row) => dropSchema.parse(row));
    const ids = (kind: string): string[] => drops.filter((drop) => drop.kind === kind).map(({ id }) => id);
    return { sessionIds: ids("session"), segmentIds: ids("segment") };
  }

  /** The machine has confirmed. */
  settle(agentId: string, { sessionIds, segmentIds }: Dropped): void {
    const query = "DELETE FROM session_drops WHERE agent_id = ? AND kind = ? AND id = ?";
    for (const id of segmentIds) this.#sql.exec(query, agentId, "segment", id);
    for (const id of sessionIds) {
      this.#sql.exec(query, agentId, "session", id);
      this.#bury(id);
    }
  }

  inBackup(limit: number): BackupTombstone[] {
    const query =
      "SELECT session_id, deleted_at FROM session_tombstones WHERE in_backup = 1 ORDER BY deleted_at LIMIT ?";
    const rows = this.#sql.exec(query, limit).toArray();
    return rows.map((row) => tombstoneSchema.parse(row));
  }

  /** Nothing of it is in the backup. */
  settleBackup(sessionId: string): void {
    this.#sql.exec("UPDATE session_tombstones SET in_backup = 0 WHERE session_id = ?", sessionId);
    this.#bury(sessionId);
  }

  /** Whether anything is left to be confirmed. */
  get isEmpty(): boolean {
    const query = "SELECT EXISTS (SELECT 1 FROM session_drops) OR EXISTS (SELECT 1 FROM session_tombstones) AS any";
    return z.object({ any: z.number() }).parse(this.#sql.exec(query).one()).any === 0;
  }

  #addDrop(kind: "session" | "segment", id: string, agentId: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO session_drops (agent_id, kind, id) VALUES (?, ?, ?)", agentId, kind, id);
  }

  /** The tombstone goes with the last confirmation. */
  #bury(sessionId: string): void {
    this.#sql.exec(
      `DELETE FROM session_tombstones WHERE session_id = ?1 AND in_backup = 0
         AND NOT EXISTS (SELECT 1 FROM session_drops WHERE id = ?1)`,
      sessionId,
    );
  }
}
