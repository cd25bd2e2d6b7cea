import { encodeJson } from "../../../../shared/protocol/json.ts";
import { backupHeadSchema, type BackupHead, backupNames, encodeTurns } from "../../../../shared/sessions/backup.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";
import type { ArchivePort } from "../archive-port.ts";
import { TIER_LIMITS } from "../limits.ts";
import { type SessionRow, shownSession } from "../table.ts";
import type { SessionTables, Transaction } from "../tables.ts";
import { type BackupStore, listAll } from "./backup-store.ts";

export interface BackupOptions {
  tables: SessionTables;
  transaction: Transaction;
  archive: ArchivePort;
  store: BackupStore;
  now: () => number;
}

/**
 * Puts what changed into the backup, sealed by a machine that has the key, and takes out what was deleted. A session's mark is cleared
 * last, and only of the revision that was written: what broke off, or changed meanwhile, is done again.
 */
export class Backup {
  readonly #tables: SessionTables;
  readonly #transaction: Transaction;
  readonly #archive: ArchivePort;
  readonly #store: BackupStore;
  readonly #now: () => number;
  /** Deleted sessions whose objects this life of the object has deleted once. */
  readonly #deletedOnce = new Set<string>();

  constructor({ tables, transaction, archive, store, now }: BackupOptions) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#archive = archive;
    this.#store = store;
    this.#now = now;
  }

  /** When the next session is due, or was. */
  nextAtMs(): number | undefined {
    const tombstones = this.#tables.drops.inBackup(TIER_LIMITS.dropsAtOnce);
    const moments = tombstones.map(({ sessionId, deletedAtMs }) =>
      this.#deletedOnce.has(sessionId) ? deletedAtMs + TIER_LIMITS.lateMs : deletedAtMs,
    );
    const dirtyMs = this.#sealer() === undefined ? undefined : this.#tables.sessions.nextDirtyMs();
    if (dirtyMs !== undefined) moments.push(dirtyMs);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** Deletes the objects of deleted sessions. What an earlier life had under way may come late: so twice, the second time later. */
  async bury(): Promise<number> {
    let buried = 0;
    for (const { sessionId, deletedAtMs } of this.#tables.drops.inBackup(TIER_LIMITS.dropsAtOnce)) {
      const isCertain = this.#now() - deletedAtMs >= TIER_LIMITS.lateMs;
      if (!isCertain && this.#deletedOnce.has(sessionId)) continue;
      await this.#deleteAll(sessionId, new Set());
      this.#deletedOnce.add(sessionId);
      if (!isCertain) continue;
      this.#transaction(() => this.#tables.drops.settleBackup(sessionId));
      this.#deletedOnce.delete(sessionId);
      buried += 1;
    }
    return buried;
  }

  /** Backs up sessions that changed, up to a number. Returns how many. */
  async backUp(): Promise<number> {
    const agentId = this.#sealer();
    if (agentId === undefined) return 0;
    let done = 0;
    for (const { id } of this.#tables.sessions.dirty(this.#now(), TIER_LIMITS.backupsAtOnce)) {
      await this.#segments(id);
      if (await this.#session(id, agentId)) done += 1;
    }
    return done;
  }

  #sealer(): string | undefined {
    return this.#archive.agents().find(({ hasBackupKey }) => hasBackupKey)?.agentId;
  }

  /** Cold segments are sealed where they are. */
  async #segments(sessionId: string): Promise<void> {
    for (const { id, agentId, state, backedUp } of this.#tables.segments.of(sessionId)) {
      if (state !== "cold" || backedUp) continue;
      this.#transaction(() => this.#tables.sessions.beginBackup(sessionId));
      const name = backupNames.segment(sessionId, id);
      await this.#store.put(name, await this.#archive.sealStored(agentId, sessionId, id, name));
      this.#transaction(() => this.#tables.segments.setBackedUp(id));
    }
  }

  /** Hot turns and what the session is. */
  async #session(sessionId: string, agentId: string): Promise<boolean> {
    const row = this.#tables.sessions.find(sessionId);
    if (row === undefined) return false;
    const segments = this.#tables.segments.of(sessionId).filter(({ state }) => state === "cold");
    if (segments.some(({ backedUp }) => !backedUp)) return false; // It came meanwhile.
    this.#transaction(() => this.#tables.sessions.beginBackup(sessionId));
    // All that is read of the session is read before the first pause: it belongs together.
    const parts = partsOf(this.#tables.turns.turns(sessionId, row.coldTo, row.turnCount));
    const head = this.#head(row, segments, parts.length);
    const names = parts.map((_part, at) => backupNames.part(sessionId, row.revision, at));
    for (const [at, part] of parts.entries()) await this.#put(agentId, names[at] ?? "", encodeTurns(part));
    const headName = backupNames.head(sessionId, row.revision);
    await this.#put(agentId, headName, new Uint8Array(encodeJson(head)));
    const kept = segments.map(({ id }) => backupNames.segment(sessionId, id));
    await this.#deleteAll(sessionId, new Set([...names, ...kept, headName]));
    this.#transaction(() => this.#tables.sessions.setBackedUp(sessionId, row.revision, this.#now()));
    return true;
  }

  #head(row: SessionRow, segments: readonly { id: string; from: number; to: number }[], parts: number): BackupHead {
    const sourceId = this.#tables.sessions.sourceIdOf(row.id);
    return backupHeadSchema.parse({
      version: 1,
      session: shownSession(row),
      ...(sourceId === undefined ? {} : { sourceId }),
      revision: row.revision,
      segments,
      parts,
    });
  }

  async #put(agentId: string, name: string, plain: Uint8Array<ArrayBuffer>): Promise<void> {
    const [object] = await this.#archive.seal(agentId, [{ name, plain }]);
    if (object?.name !== name) throw new Error("a machine sealed another object than it was given");
    await this.#store.put(name, object.sealed);
  }

  async #deleteAll(sessionId: string, but: ReadonlySet<string>): Promise<void> {
    const names = await listAll(this.#store, backupNames.all(sessionId));
    const stale = names.filter((name) => !but.has(name));
    for (let at = 0; at < stale.length; at += 1000) await this.#store.delete(stale.slice(at, at + 1000));
  }
}

/** Runs of turns that make one object each. */
function partsOf(turns: readonly Turn[]): Turn[][] {
  const parts: Turn[][] = [];
  let room = 0;
  for (const turn of turns) {
    const { length } = encodeJson(turn);
    if (length > room || parts.length === 0) {
      parts.push([]);
      room = TIER_LIMITS.backupBytes;
    }
    parts.at(-1)?.push(turn);
    room -= length;
  }
  return parts;
}
