import { PorchlightError } from "../../../shared/errors.ts";
import type { Turn } from "../../../shared/sessions/turn.ts";
import type { ArchivePort } from "./archive-port.ts";
import type { HotTurns } from "./hot-turns.ts";
import { TIER_LIMITS } from "./limits.ts";
import type { SessionTables } from "./tables.ts";
import type { SegmentRow } from "./tiers/segment-table.ts";

/** A move that goes on beside a reader is over by its second look; more means that nothing holds still. */
const LOOKS = 5;

/** About what compression of text gains: for sums that need not be exact. */
export const COMPRESSION = 6;

export interface TurnReaderOptions {
  tables: SessionTables;
  hot: HotTurns;
  archive: ArchivePort | undefined;
}

/** Reads turns wherever they are. Home's rows alone say where that is. */
export class TurnReader {
  readonly #tables: SessionTables;
  readonly #hot: HotTurns;
  readonly #archive: ArchivePort | undefined;
  #isWarm = false;

  constructor({ tables, hot, archive }: TurnReaderOptions) {
    this.#tables = tables;
    this.#hot = hot;
    this.#archive = archive;
  }

  /**
   * Turns `from` to before `to`, as far as there are any. Rejects with `not_found` where the session is gone, `archive_offline` where
   * the machine that has some of them is.
   */
  async turns(sessionId: string, from: number, to: number): Promise<Turn[]> {
    this.#warm();
    for (let look = 1; ; look++) {
      const session = this.#tables.sessions.find(sessionId);
      if (session === undefined) throw noSuchSession();
      const end = Math.min(to, session.turnCount);
      // One look at the rows, without a pause: from here on the answer is certain, however long a machine takes to give its part.
      const hot = this.hot(sessionId, Math.max(from, session.coldTo), end);
      const cold = await this.#cold(sessionId, from, Math.min(end, session.coldTo));
      if (cold !== undefined) return [...cold, ...hot];
      if (look === LOOKS) throw new PorchlightError("archive_offline");
    }
  }

  /** Where a page that begins at `from` ends: at least one turn, then as many as are about `bytes` together. */
  pageEnd(sessionId: string, from: number, to: number, bytes: number): number {
    let left = bytes;
    for (const segment of this.#tables.segments.of(sessionId)) {
      if (segment.state !== "cold" || segment.to <= from || segment.from >= to) continue;
      left -= plainBytes(segment);
      if (left < 0) return Math.min(to, segment.to);
    }
    for (const turn of this.#tables.turns.heads(sessionId, from, to)) {
      left -= turn.bytes;
      if (left < 0) return Math.max(from + 1, turn.idx);
    }
    return to;
  }

  /** Where a page that ends before `to` begins: as many turns as are about `bytes` together, none before `from`. */
  pageStart(sessionId: string, from: number, to: number, bytes: number): number {
    let left = bytes;
    for (const turn of this.#tables.turns.heads(sessionId, from, to).toReversed()) {
      left -= turn.bytes;
      if (left < 0) return turn.idx + 1;
    }
    for (const segment of this.#tables.segments.of(sessionId).toReversed()) {
      if (segment.state !== "cold" || segment.to <= from || segment.from >= to) continue;
      left -= plainBytes(segment);
      if (left < 0) return Math.min(to, segment.to);
    }
    return from;
  }

  /** Those that are hot, from memory where it has them. */
  hot(sessionId: string, from: number, to: number): Turn[] {
    const known: Turn[] = [];
    for (let index = from; index < to; index++) {
      const turn = this.#hot.get(sessionId, index);
      if (turn === undefined) return [...known, ...this.#stored(sessionId, index, to)];
      known.push(turn);
    }
    return known;
  }

  /** A whole segment, as its machine has it. Throws `archive_offline`. */
  async segment({ agentId, sessionId, id, from, to }: SegmentRow): Promise<Turn[]> {
    const turns = await this.#fetch(agentId, sessionId, id);
    if (turns.length !== to - from || turns.some(({ index }, at) => index !== from + at)) {
      throw new PorchlightError(
        "archive_offline",
        "A home machine answered with other turns than it was given to keep.",
      );
    }
    return turns;
  }

  #stored(sessionId: string, from: number, to: number): Turn[] {
    const turns = this.#tables.turns.turns(sessionId, from, to);
    for (const turn of turns) this.#hot.put(sessionId, turn);
    return turns;
  }

  /** Undefined where turns went elsewhere meanwhile: then the rows are to be looked at again. */
  async #cold(sessionId: string, from: number, to: number): Promise<Turn[] | undefined> {
    if (from >= to) return [];
    const known = this.#inMemory(sessionId, from, to);
    if (known !== undefined) return known;
    const segments = this.#tables.segments
      .of(sessionId)
      .filter((segment) => segment.state === "cold" && segment.from < to && segment.to > from);
    const found: Turn[] = [];
    for (const segment of segments) {
      const turns = await this.segment(segment).catch((error: unknown) => {
        if (this.#isThere(segment)) throw error;
        return undefined;
      });
      if (turns === undefined || !this.#isThere(segment)) return undefined;
      const wanted = turns.filter(({ index }) => index >= from && index < to);
      for (const turn of wanted) this.#hot.put(sessionId, turn);
      found.push(...wanted);
    }
    if (segments.some((segment) => !this.#isThere(segment))) return undefined;
    if (found.length !== to - from) throw new Error(`session ${sessionId}: its cold turns are not all in segments`);
    return found;
  }

  #inMemory(sessionId: string, from: number, to: number): Turn[] | undefined {
    const known: Turn[] = [];
    for (let index = from; index < to; index++) {
      const turn = this.#hot.get(sessionId, index);
      if (turn === undefined) return undefined;
      known.push(turn);
    }
    return known;
  }

  #isThere({ id, agentId }: SegmentRow): boolean {
    const now = this.#tables.segments.find(id);
    return now?.state === "cold" && now.agentId === agentId;
  }

  async #fetch(agentId: string, sessionId: string, segmentId: string): Promise<Turn[]> {
    if (this.#archive === undefined) throw new PorchlightError("archive_offline");
    try {
      return await this.#archive.get(agentId, sessionId, segmentId);
    } catch (thrown) {
      const error = PorchlightError.from(thrown);
      if (error.code === "agent_offline" || error.code === "agent_disconnected") {
        throw new PorchlightError("archive_offline", undefined, { cause: error });
      }
      if (error.code === "not_found" || error.code === "segment_dropped") {
        const sentence =
          "Older turns of this conversation are no longer on the machine that kept them. Restore its backup.";
        throw new PorchlightError("archive_offline", sentence, { cause: error });
      }
      throw error;
    }
  }

  /** The first reader of an object's life brings the household's last turns into memory. */
  #warm(): void {
    if (this.#isWarm) return;
    this.#isWarm = true;
    for (const { sessionId, index } of this.#tables.turns.latest(this.#hot.capacity).toReversed()) {
      this.#stored(sessionId, index, index + 1);
    }
  }
}

/** Of one that came back from the backup it is not known. */
function plainBytes({ bytes }: SegmentRow): number {
  return bytes === 0 ? TIER_LIMITS.segmentBytes : bytes * COMPRESSION;
}

export function noSuchSession(): PorchlightError {
  return new PorchlightError("not_found", "There is no such conversation, or it is not yours.");
}
