import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { snippetOf } from "../../../shared/sessions/search-text.ts";
import { turnText } from "../../../shared/sessions/turn-text.ts";
import type { ArchivePort } from "./archive-port.ts";
import type { SessionTables } from "./tables.ts";
import type { TurnReader } from "./turn-reader.ts";

/** Something that was found. Times are Unix milliseconds. */
export interface SearchHit {
  sessionId: string;
  title: string;
  updatedAtMs: number;
  /** Null: the title. */
  index: number | null;
  /** Plain text around the place. */
  snippet: string;
  /** In (0, 1], larger is better. */
  score: number;
}

export interface SearchAnswer {
  /** The best first. */
  hits: SearchHit[];
  /** False while a machine that has older turns of this person is not online: there may be more. */
  complete: boolean;
}

export interface SearchOptions {
  tables: SessionTables;
  reader: TurnReader;
  archive: ArchivePort | undefined;
  userId: string;
  query: string;
  limit: number;
}

/** Scores of different indexes say nothing of each other, ranks do: reciprocal rank fusion with its usual constant (Cormack et al., 2009). */
const FUSION = 60;

type Place = Pick<SearchHit, "sessionId" | "index" | "snippet">;

/** Looks through titles and hot turns here, and through cold ones where they are. */
export async function searchSessions(options: SearchOptions): Promise<SearchAnswer> {
  const { tables, userId, query, limit } = options;
  const titles: Place[] = tables.index.titles(userId, query, limit).flatMap(({ seq }) => {
    const session = tables.sessions.bySeq(seq);
    return session === undefined ? [] : [{ sessionId: session.id, index: null, snippet: session.title }];
  });
  const hot = hotPlaces(options);
  const { lists, complete } = await coldPlaces(options);
  const hits = [titles, hot, ...lists].flatMap((places) =>
    places.flatMap((place, rank): SearchHit[] => {
      // What was deleted while a machine was searching is not found.
      const session = tables.sessions.find(place.sessionId);
      if (session?.userId !== userId) return [];
      const { title, updatedAtMs } = session;
      return [{ ...place, title, updatedAtMs, score: (FUSION + 1) / (FUSION + 1 + rank) }];
    }),
  );
  const best = hits.toSorted((a, b) => b.score - a.score || b.updatedAtMs - a.updatedAtMs);
  return { hits: best.slice(0, limit), complete };
}

function hotPlaces({ tables, reader, userId, query, limit }: SearchOptions): Place[] {
  return tables.index.turns(userId, query, limit).flatMap(({ seq }) => {
    const place = tables.turns.place(seq);
    const [turn] = place === undefined ? [] : reader.hot(place.sessionId, place.index, place.index + 1);
    if (place === undefined || turn === undefined) return [];
    return [{ ...place, snippet: snippetOf(turnText(turn), query, SESSION_LIMITS.snippetCharacters) }];
  });
}

async function coldPlaces({ tables, archive, userId, query, limit }: SearchOptions) {
  const holders = tables.segments.agentsOf(userId);
  const answers = await Promise.all(
    holders.map(async (agentId) => {
      try {
        return await archive?.search(agentId, userId, query, limit);
      } catch {
        return undefined; // Said in `complete`: the rest is worth having.
      }
    }),
  );
  const lists = answers.map((hits, at): Place[] =>
    (hits ?? [])
      .filter(({ segmentId, sessionId, index }) => {
        // A machine may have more than it should: here is where it is known what counts.
        const segment = tables.segments.find(segmentId);
        const isIn = segment !== undefined && index >= segment.from && index < segment.to;
        return isIn && segment.sessionId === sessionId && segment.state === "cold" && segment.agentId === holders[at];
      })
      .map(({ sessionId, index, snippet }) => ({
        sessionId,
        index,
        snippet: snippet.slice(0, 2 * SESSION_LIMITS.snippetCharacters),
      })),
  );
  return { lists, complete: answers.every((hits) => hits !== undefined) };
}
