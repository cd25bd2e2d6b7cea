import { PorchlightError } from "../../../../shared/errors.ts";
import type { ArchivePort } from "../archive-port.ts";
import { TIER_LIMITS } from "../limits.ts";
import type { SessionTables, Transaction } from "../tables.ts";
import { Backup } from "./backup.ts";
import type { BackupStore } from "./backup-store.ts";
import { Mover } from "./mover.ts";

export interface TiersOptions {
  tables: SessionTables;
  transaction: Transaction;
  archive: ArchivePort;
  /** Absent: there is no backup. */
  backup?: BackupStore | undefined;
  coldAfterMs: number;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now?: () => number;
}

/**
 * Keeps archive and backup as Home's rows say. One thing at a time: nothing is ever deleted while it may still be on its way there.
 * All of it can be broken off anywhere and is gone on with by the next life of the object.
 */
export class Tiers {
  readonly #tables: SessionTables;
  readonly #transaction: Transaction;
  readonly #archive: ArchivePort;
  readonly #mover: Mover;
  readonly #backup: Backup | undefined;
  readonly #coldAfterMs: number;
  readonly #onChange: () => void;
  readonly #now: () => number;
  #running: Promise<void> | undefined;
  /** After a failure, or where nothing could be done. */
  #notBeforeMs = 0;
  /** The machines that were there when last looked at. */
  #seen = "";

  constructor({ tables, transaction, archive, backup, coldAfterMs, onChange, now = Date.now }: TiersOptions) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#archive = archive;
    this.#coldAfterMs = coldAfterMs;
    this.#onChange = onChange;
    this.#now = now;
    this.#mover = new Mover({ tables, transaction, archive, coldAfterMs, now });
    this.#backup = backup && new Backup({ tables, transaction, archive, store: backup, now });
  }

  /** Does what is due, some of it. Call it at `nextAtMs`. Resolves when that is done; never rejects. */
  async tick(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#work().finally(() => {
        this.#running = undefined;
        this.#onChange();
      });
      this.#onChange();
    }
    await this.#running;
  }

  nextAtMs(): number | undefined {
    const now = this.#now();
    // Its end asks again; this is for an object that does not live to see it.
    if (this.#running !== undefined) return now + TIER_LIMITS.retryMs;
    const moments: number[] = [];
    const agents = this.#archive.agents();
    if (agents.some(({ agentId }) => this.#hasDrops(agentId))) moments.push(now);
    const oldestMs = this.#tables.turns.oldestMs();
    if (agents.length > 0) {
      if (this.#tables.segments.moving().length > 0) moments.push(now);
      if (oldestMs !== undefined) moments.push(oldestMs + this.#coldAfterMs + 1);
    }
    const backupMs = this.#backup?.nextAtMs();
    if (backupMs !== undefined) moments.push(backupMs);
    return moments.length === 0 ? undefined : Math.max(this.#notBeforeMs, Math.min(...moments));
  }

  /** A machine came or went. Costs little where none did. */
  machinesChanged(): void {
    const seen = this.#archive
      .agents()
      .map(({ agentId, hasBackupKey }) => `${agentId} ${hasBackupKey}`)
      .toSorted()
      .join("\n");
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#notBeforeMs = 0;
    this.#onChange();
  }

  async #work(): Promise<void> {
    let done = 0;
    for (const step of [() => this.#drop(), () => this.#mover.move(), () => this.#bury(), () => this.#backUp()]) {
      try {
        done += await step();
      } catch (error) {
        // A machine that went away is nothing to report.
        if (!(error instanceof PorchlightError))
          console.error("a step between the tiers of conversations failed:", error);
        this.#notBeforeMs = this.#now() + TIER_LIMITS.retryMs;
      }
    }
    // What is due and yet could not be done, such as behind a turn that is still answered, is looked at again later.
    if (done === 0) this.#notBeforeMs = Math.max(this.#notBeforeMs, this.#now() + TIER_LIMITS.idleMs);
  }

  #hasDrops(agentId: string): boolean {
    const { sessionIds, segmentIds } = this.#tables.drops.dropsOf(agentId, 1);
    return sessionIds.length + segmentIds.length > 0;
  }

  /** Has machines forget what was deleted. */
  async #drop(): Promise<number> {
    let dropped = 0;
    for (const { agentId } of this.#archive.agents()) {
      const drops = this.#tables.drops.dropsOf(agentId, TIER_LIMITS.dropsAtOnce);
      const count = drops.sessionIds.length + drops.segmentIds.length;
      if (count === 0) continue;
      await this.#archive.drop(agentId, drops);
      this.#transaction(() => this.#tables.drops.settle(agentId, drops));
      dropped += count;
    }
    return dropped;
  }

  async #bury(): Promise<number> {
    return (await this.#backup?.bury()) ?? 0;
  }

  async #backUp(): Promise<number> {
    return (await this.#backup?.backUp()) ?? 0;
  }
}
