import { PorchlightError } from "../../../../shared/errors.ts";
import type { ArchiveAgent, ArchivePort } from "../archive-port.ts";
import { TIER_LIMITS } from "../limits.ts";
import type { SessionTables, Transaction } from "../tables.ts";
import type { SegmentRow } from "./segment-table.ts";

export interface MoverOptions {
  tables: SessionTables;
  transaction: Transaction;
  archive: ArchivePort;
  coldAfterMs: number;
  now: () => number;
}

/**
 * Moves old turns to a home machine. First a row says that a segment is on its way, then the machine has it for certain, then one
 * step calls it cold and deletes the turns here. Wherever that breaks off, the turns are here or there, and the row says what to do.
 */
export class Mover {
  readonly #tables: SessionTables;
  readonly #transaction: Transaction;
  readonly #archive: ArchivePort;
  readonly #coldAfterMs: number;
  readonly #now: () => number;

  constructor({ tables, transaction, archive, coldAfterMs, now }: MoverOptions) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#archive = archive;
    this.#coldAfterMs = coldAfterMs;
    this.#now = now;
  }

  /** Whether there is anything to do for a machine that is online. */
  isDue(): boolean {
    if (this.#archive.agents().length === 0) return false;
    return this.#tables.segments.moving().length > 0 || this.#aged(1).length > 0;
  }

  /** Moves what is due, up to a number of segments. Returns how many were moved. */
  async move(): Promise<number> {
    let moved = 0;
    for (const segment of this.#tables.segments.moving()) {
      if (await this.#goOn(segment)) moved += 1;
    }
    for (const sessionId of this.#aged(TIER_LIMITS.movesAtOnce)) {
      while (moved < TIER_LIMITS.movesAtOnce) {
        const segment = this.#transaction(() => this.#begin(sessionId));
        if (segment === undefined || !(await this.#send(segment))) break;
        moved += 1;
      }
    }
    return moved;
  }

  #aged(limit: number): string[] {
    return this.#tables.turns.aged(this.#agedMs(), limit);
  }

  #agedMs(): number {
    return this.#now() - this.#coldAfterMs;
  }

  /** A move that broke off. Where its machine is away and another is there, that one gets the turns. */
  async #goOn(segment: SegmentRow): Promise<boolean> {
    const agents = this.#archive.agents();
    if (agents.some(({ agentId }) => agentId === segment.agentId)) return await this.#send(segment);
    if (agents.length > 0) this.#transaction(() => this.#giveUp(segment));
    return false;
  }

  /** Names the next segment of a session, and where it goes. */
  #begin(sessionId: string): SegmentRow | undefined {
    const session = this.#tables.sessions.find(sessionId);
    if (session === undefined) return undefined;
    const segments = this.#tables.segments.of(sessionId);
    if (segments.some(({ state }) => state === "moving")) return undefined;
    const agent = this.#choose(segments);
    const to = this.#end(sessionId, session.coldTo);
    if (agent === undefined || to === session.coldTo) return undefined;
    const id = `seg_${crypto.randomUUID().replaceAll("-", "")}`;
    const { agentId } = agent;
    const segment: SegmentRow = {
      id,
      sessionId,
      from: session.coldTo,
      to,
      agentId,
      state: "moving",
      bytes: 0,
      backedUp: false,
    };
    this.#tables.segments.add(segment);
    this.#tables.drops.addHolder(sessionId, agentId);
    return segment;
  }

  /** Where the rest of the session is, if that machine is there; else one that can seal backups. */
  #choose(segments: readonly SegmentRow[]): ArchiveAgent | undefined {
    const agents = this.#archive.agents();
    const holder = segments.at(-1)?.agentId;
    return (
      agents.find(({ agentId }) => agentId === holder) ?? agents.find(({ hasBackupKey }) => hasBackupKey) ?? agents[0]
    );
  }

  /** Where the segment ends that begins at `from`: before the first turn that is young, unfinished, or too much. */
  #end(sessionId: string, from: number): number {
    const beforeMs = this.#agedMs();
    let bytes = 0;
    let end = from;
    for (const head of this.#tables.turns.heads(sessionId, from, from + TIER_LIMITS.segmentTurns)) {
      bytes += head.bytes;
      if (head.state === "answering" || head.hot_at >= beforeMs) break;
      if (end > from && bytes > TIER_LIMITS.segmentBytes) break;
      end = head.idx + 1;
    }
    return end;
  }

  /** Returns whether the segment is cold now. Rejects where the machine cannot be asked: then all stays as it is. */
  async #send(segment: SegmentRow): Promise<boolean> {
    const { id, sessionId, from, to, agentId } = segment;
    const session = this.#tables.sessions.find(sessionId);
    if (session === undefined || this.#tables.segments.find(id)?.state !== "moving") return false;
    const { userId, title } = session;
    const turns = this.#tables.turns.turns(sessionId, from, to);
    try {
      const { bytes } = await this.#archive.put(agentId, { id, sessionId, userId, from, to, title, turns });
      return this.#transaction(() => this.#settle(segment, bytes));
    } catch (error) {
      if (!(error instanceof PorchlightError) || error.code !== "segment_dropped") throw error;
      this.#transaction(() => this.#giveUp(segment));
      return false;
    }
  }

  /** The machine has it: from here on the turns are read there. Deleted or replaced meanwhile, they are not. */
  #settle({ id, sessionId, from, to }: SegmentRow, bytes: number): boolean {
    const session = this.#tables.sessions.find(sessionId);
    if (session?.coldTo !== from || this.#tables.segments.find(id)?.state !== "moving") return false;
    const heads = this.#tables.turns.heads(sessionId, from, to);
    this.#tables.index.dropTurns(heads.map(({ seq }) => seq));
    this.#tables.turns.remove(sessionId, from, to);
    this.#tables.segments.settle(id, bytes);
    this.#tables.sessions.setColdTo(sessionId, to);
    return true;
  }

  #giveUp({ id, agentId }: SegmentRow): void {
    if (this.#tables.segments.find(id)?.state !== "moving") return;
    this.#tables.segments.remove(id);
    this.#tables.drops.addSegment(id, agentId);
  }
}
