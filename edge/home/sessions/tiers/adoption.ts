import { PorchlightError } from "../../../../shared/errors.ts";
import type { BackupHead } from "../../../../shared/sessions/backup.ts";
import type { Turn } from "../../../../shared/sessions/turn.ts";
import type { SessionTables, Transaction } from "../tables.ts";

/**
 * What came of a session that a machine restored: `known`, and its cold turns are read there from now on; `added`, because Home had
 * lost it too; `deleted`, and the machine is told to drop it.
 */
export type Adopted = "known" | "added" | "deleted";

export interface AdoptionOptions {
  tables: SessionTables;
  transaction: Transaction;
  now: () => number;
}

/** Takes back what machines restored from the backup. */
export class Adoption {
  readonly #tables: SessionTables;
  readonly #transaction: Transaction;
  readonly #now: () => number;

  constructor({ tables, transaction, now }: AdoptionOptions) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#now = now;
  }

  /**
   * `turns` are those behind the segments. Throws `invalid_request` where the two leave a gap. What Home has itself counts for more than the backup, which may be older. May be
   * called again.
   */
  adopt(agentId: string, head: BackupHead, turns: readonly Turn[]): Adopted {
    return this.#transaction(() => {
      const { id } = head.session;
      if (this.#tables.drops.isDeleted(id)) {
        this.#tables.drops.addStray(id, agentId);
        return "deleted";
      }
      this.#tables.drops.addHolder(id, agentId);
      if (this.#tables.sessions.find(id) === undefined) {
        this.#add(agentId, head, turns);
        return "added";
      }
      for (const segment of head.segments) this.#point(segment.id, id, agentId);
      return "known";
    });
  }

  /** A segment is read at that machine from now on; one that Home does not count on is dropped there. */
  #point(segmentId: string, sessionId: string, agentId: string): void {
    const segment = this.#tables.segments.find(segmentId);
    if (segment?.sessionId === sessionId && segment.state === "cold")
      this.#tables.segments.setAgent(segmentId, agentId);
    else if (segment === undefined) this.#tables.drops.addSegment(segmentId, agentId);
  }

  #add(agentId: string, { session, sourceId, segments }: BackupHead, turns: readonly Turn[]): void {
    const coldTo = segments.at(-1)?.to ?? 0;
    const isJoined = segments.every(({ from, to }, at) => from === (segments[at - 1]?.to ?? 0) && to > from);
    const isWhole =
      coldTo + turns.length === session.turnCount && turns.every(({ index }, at) => index === coldTo + at);
    if (!isJoined || !isWhole) throw damaged(session.id);
    for (const { id, from, to } of segments) {
      const place = { id, sessionId: session.id, from, to, agentId };
      this.#tables.segments.add({ ...place, state: "cold", bytes: 0, backedUp: true });
    }
    // Another conversation may have come in from the same source meanwhile.
    const isTaken = sourceId !== undefined && this.#tables.sessions.findSource(session.userId, sourceId) !== undefined;
    const row = this.#tables.sessions.add(session, {
      coldTo,
      ...(sourceId === undefined || isTaken ? {} : { sourceId }),
    });
    this.#tables.sessions.beginBackup(row.id); // It is where it was read from.
    this.#tables.index.setTitle(row.seq, row.title);
    for (const turn of turns)
      this.#tables.index.addTurn(this.#tables.turns.add(row.id, ended(turn), this.#now()), turn);
  }
}

/** A turn that was being answered when it was backed up has nobody who answers it any more. */
function ended({ runId: _run, ...turn }: Turn): Turn {
  return turn.state === "answering" ? { ...turn, state: "cancelled" } : turn;
}

function damaged(sessionId: string): PorchlightError {
  return new PorchlightError("invalid_request", `The backup of the conversation ${sessionId} is not whole.`);
}
