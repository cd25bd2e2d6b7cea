import type { InStatement } from "@libsql/client";
import { z } from "zod";
import { ARCHIVE_LIMITS } from "../../shared/archive/limits.ts";
import type { ArchiveSegment, archiveHitSchema } from "../../shared/archive/messages.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { SESSION_LIMITS } from "../../shared/sessions/limits.ts";
import { searchQuery, searchText, snippetOf } from "../../shared/sessions/search-text.ts";
import { turnText } from "../../shared/sessions/turn-text.ts";
import type { Turn } from "../../shared/sessions/turn.ts";
import { ArchiveDatabase } from "./database.ts";
import { damaged, packTurns, type SegmentBlob, unpack, unpackTurns } from "./segment-blob.ts";

export type ArchiveHit = z.infer<typeof archiveHitSchema>;

/** What a look at every segment found. */
export interface ArchiveCheck {
  segments: number;
  turns: number;
  /** Compressed. */
  bytes: number;
  /** Ids of segments that are not what was put. */
  damaged: string[];
}

const rowSchema = z.object({
  seq: z.number().int(),
  id: z.string(),
  session_id: z.string(),
  idx_from: z.number().int(),
  idx_to: z.number().int(),
  sha256: z.string(),
  blob: z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer)),
});
const placeSchema = z.object({ seq: z.number().int(), id: z.string() });
type SegmentRow = z.infer<typeof rowSchema>;
const COLUMNS = "seq, id, session_id, idx_from, idx_to, sha256, blob";

/** Conversations that grew cold, in one libSQL file. One call at a time: each is short. */
export class Archive {
  readonly #database: ArchiveDatabase;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(database: ArchiveDatabase) {
    this.#database = database;
  }

  static async open(path: string): Promise<Archive> {
    return new Archive(await ArchiveDatabase.open(path));
  }

  /** Keeps a segment: on the disk when it resolves. The same again, or in place of a damaged one, is fine. Throws `segment_dropped`. */
  async put(segment: ArchiveSegment): Promise<{ bytes: number; sha256: string }> {
    return await this.#alone(async () => {
      const { id, sessionId, userId, from, to, title, turns } = segment;
      const dropped = await this.#database.read("SELECT 1 FROM dropped WHERE id IN (?, ?)", id, sessionId);
      if (dropped.length > 0) throw new PorchlightError("segment_dropped");
      const packed = packTurns(turns);
      const known = await this.#find(id, sessionId);
      if (known !== undefined && isSound(known)) return { bytes: known.blob.length, sha256: known.sha256 };
      const insert = `INSERT INTO segments (id, session_id, user_id, idx_from, idx_to, title, sha256, blob) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
      await this.#write([
        ...(known === undefined ? [] : [{ sql: "DELETE FROM segments WHERE id = ?", args: [id] }]),
        { sql: insert, args: [id, sessionId, userId, from, to, title, packed.sha256, packed.blob] },
        ...turns.map((turn, at) => ({
          sql: `INSERT INTO turn_index (rowid, text) SELECT seq * ${ARCHIVE_LIMITS.segmentTurns} + ?, ? FROM segments WHERE id = ?`,
          args: [at, searchText(turnText(turn)), id],
        })),
      ]);
      // The old entries of the index went with a text that cannot be read any more.
      if (known !== undefined) await this.#rebuildIndex();
      return { bytes: packed.blob.length, sha256: packed.sha256 };
    });
  }

  /** Throws `not_found`, `archive_damaged`. */
  async get(sessionId: string, segmentId: string): Promise<Turn[]> {
    return await this.#alone(async () => unpackTurns(await this.#require(sessionId, segmentId), segmentId));
  }

  /** The plain bytes of a segment, as `encodeTurns` wrote them. */
  async bytesOf(sessionId: string, segmentId: string): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#alone(async () => unpack(await this.#require(sessionId, segmentId), segmentId));
  }

  /** Forgets for good: when it resolves, nothing of them is on the disk, and what comes late is not kept. */
  async drop(sessionIds: readonly string[], segmentIds: readonly string[]): Promise<void> {
    await this.#alone(async () => {
      let isIndexStale = false;
      for (const [column, ids] of [
        ["session_id", sessionIds],
        ["id", segmentIds],
      ] as const) {
        for (const id of ids) {
          const statements: InStatement[] = [{ sql: "INSERT OR IGNORE INTO dropped (id) VALUES (?)", args: [id] }];
          for (const { seq } of await this.#database.read(`SELECT seq FROM segments WHERE ${column} = ?`, id)) {
            const removal = await this.#removal(Number(seq));
            if (removal === undefined) isIndexStale = true;
            statements.push(...(removal ?? []), { sql: "DELETE FROM segments WHERE seq = ?", args: [Number(seq)] });
          }
          await this.#write(statements);
        }
      }
      if (isIndexStale) await this.#rebuildIndex();
      await this.#database.checkpoint();
    });
  }

  /** Of one person's segments, the best first. A damaged segment is left out. */
  async search(userId: string, typed: string, limit: number): Promise<ArchiveHit[]> {
    const query = searchQuery(typed);
    if (query === undefined) return [];
    return await this.#alone(async () => {
      const found = await this.#database.read(
        `SELECT t.rowid AS place, bm25(turn_index) AS rank FROM turn_index t
         JOIN segments s ON s.seq = t.rowid / ${ARCHIVE_LIMITS.segmentTurns}
         WHERE turn_index MATCH ? AND s.user_id = ? ORDER BY rank LIMIT ?`,
        query,
        userId,
        limit,
      );
      const hits: ArchiveHit[] = [];
      const read = new Map<number, { row: SegmentRow; turns: Turn[] } | undefined>();
      for (const { place, rank } of found) {
        const seq = Math.floor(Number(place) / ARCHIVE_LIMITS.segmentTurns);
        if (!read.has(seq)) read.set(seq, await this.#readable(seq));
        const segment = read.get(seq);
        const turn = segment?.turns[Number(place) % ARCHIVE_LIMITS.segmentTurns];
        if (segment === undefined || turn === undefined) continue;
        const snippet = snippetOf(turnText(turn), typed, SESSION_LIMITS.snippetCharacters);
        const { session_id: sessionId, id: segmentId } = segment.row;
        hits.push({ sessionId, segmentId, index: turn.index, snippet, score: -Number(rank) });
      }
      return hits;
    });
  }

  /** Notes that this state of a session was sealed here. */
  async noteSealed(sessionId: string, revision: number): Promise<void> {
    const sql = `INSERT INTO sealed (session_id, revision) VALUES (?, ?)
       ON CONFLICT (session_id) DO UPDATE SET revision = max(revision, excluded.revision)`;
    await this.#alone(async () => await this.#write([{ sql, args: [sessionId, revision] }]));
  }

  /** The newest state of a session that was sealed here. */
  async sealedRevision(sessionId: string): Promise<number | undefined> {
    const rows = await this.#alone(
      async () => await this.#database.read("SELECT revision FROM sealed WHERE session_id = ?", sessionId),
    );
    return rows[0] === undefined ? undefined : Number(rows[0].revision);
  }

  /** Reads every segment, one at a time. */
  async check(): Promise<ArchiveCheck> {
    const result: ArchiveCheck = { segments: 0, turns: 0, bytes: 0, damaged: [] };
    const rows = await this.#alone(async () => await this.#database.read("SELECT seq, id FROM segments"));
    for (const { seq, id } of rows.map((place) => placeSchema.parse(place))) {
      const row = await this.#alone(async () => await this.#row(seq, id).catch(() => undefined));
      result.segments += 1;
      if (row === undefined || !isSound(row)) result.damaged.push(id);
      else result.turns += row.idx_to - row.idx_from;
      result.bytes += row?.blob.length ?? 0;
    }
    return result;
  }

  close(): void {
    this.#database.close();
  }

  async #require(sessionId: string, segmentId: string): Promise<SegmentRow> {
    const row = await this.#find(segmentId, sessionId);
    if (row === undefined)
      throw new PorchlightError("not_found", `There is no part ${segmentId} of a conversation here.`);
    return row;
  }

  async #find(segmentId: string, sessionId: string): Promise<SegmentRow | undefined> {
    const sql = `SELECT ${COLUMNS} FROM segments WHERE id = ? AND session_id = ?`;
    const [row] = await this.#database.read(sql, segmentId, sessionId).catch((cause: unknown) => {
      throw damaged(segmentId, cause);
    });
    return row && rowSchema.parse(row);
  }

  async #row(seq: number, segmentId: string): Promise<SegmentRow> {
    const [row] = await this.#database.read(`SELECT ${COLUMNS} FROM segments WHERE seq = ?`, seq);
    const parsed = rowSchema.safeParse(row);
    if (!parsed.success) throw damaged(segmentId, parsed.error);
    return parsed.data;
  }

  async #readable(seq: number): Promise<{ row: SegmentRow; turns: Turn[] } | undefined> {
    try {
      const row = await this.#row(seq, String(seq));
      return { row, turns: unpackTurns(row, row.id) };
    } catch (error) {
      if (error instanceof PorchlightError) return undefined; // Reading it says so; a search finds what there is.
      throw error;
    }
  }

  /** What takes a segment's turns out of the index; undefined where their text is not known any more. */
  async #removal(seq: number): Promise<InStatement[] | undefined> {
    const segment = await this.#readable(seq);
    return segment?.turns.map((turn, at) => ({
      sql: "INSERT INTO turn_index (turn_index, rowid, text) VALUES ('delete', ?, ?)",
      args: [seq * ARCHIVE_LIMITS.segmentTurns + at, searchText(turnText(turn))],
    }));
  }

  /** From what can be read, a segment at a time. */
  async #rebuildIndex(): Promise<void> {
    await this.#write(["INSERT INTO turn_index (turn_index) VALUES ('delete-all')"]);
    for (const { seq } of await this.#database.read("SELECT seq FROM segments ORDER BY seq")) {
      const turns = (await this.#readable(Number(seq)))?.turns ?? [];
      const statements = turns.map((turn, at) => ({
        sql: "INSERT INTO turn_index (rowid, text) VALUES (?, ?)",
        args: [Number(seq) * ARCHIVE_LIMITS.segmentTurns + at, searchText(turnText(turn))],
      }));
      if (statements.length > 0) await this.#write(statements);
    }
  }

  async #write(statements: InStatement[]): Promise<void> {
    await this.#database.write(statements);
  }

  /** Each call is several statements: none may come in between. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return await turn;
  }
}

function isSound(row: SegmentRow & SegmentBlob): boolean {
  try {
    unpack(row, row.id);
    return true;
  } catch (error) {
    if (error instanceof PorchlightError && error.code === "archive_damaged") return false;
    throw error;
  }
}
