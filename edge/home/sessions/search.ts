import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { snippetOf } from "../../../shared/sessions/search-text.ts";
import { turnText } from "../../../shared/sessions/turn-text.ts";
import type { ArchivePort } from "./archive-port.ts";
import type { MeaningIndex } from "./meaning/meaning-index.ts";
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
  /** Whether it has the words, or is about the same. */
  by: "words" | "meaning";
  /** In (0, 1], larger is better. */
  score: number;
}

export interface SearchAnswer {
  /** The best first. */
  hits: SearchHit[];
  /** False while a machine that has older turns of this person is not online: there may be more. */
  complete: boolean;
  /** Whether it was looked for by meaning as well: only where a machine with an embedding model is online. */
  meaning: boolean;
}

export interface SearchOptions {
  tables: SessionTables;
  reader: TurnReader;
  archive: ArchivePort | undefined;
  userId: string;
  query: string;
  limit: number;
  /** Absent: words alone are looked for. */
  meaning?: Pick<MeaningIndex, "search"> | undefined;
}

/** Scores of different indexes say nothing of each other, ranks do: reciprocal rank fusion with its usual constant (Cormack et al., 2009). */
const FUSION = 60;

type Place = Pick<SearchHit, "sessionId" | "index" | "snippet" | "by">;

/**
 * Looks through titles and hot turns here, and through cold ones where they are; by meaning through all of them. What is found by words
 * and by meaning has the score of both.
 */
export async function searchSessions(options: SearchOptions): Promise<SearchAnswer> {
  const { tables, userId, query, limit } = options;
  const titles: Place[] = tables.index.titles(userId, query, limit).flatMap(({ seq }) => {
    const session = tables.sessions.bySeq(seq);
    return session === undefined ? [] : [{ sessionId: session.id, index: null, snippet: session.title, by: "words" }];
  });
  const hot = hotPlaces(options);
  const [{ lists, complete }, alike] = await Promise.all([coldPlaces(options), alikePlaces(options)]);
  const hits = new Map<string, SearchHit>();
  for (const places of [titles, hot, ...lists, alike ?? []]) {
    for (const [rank, place] of places.entries()) {
      // What was deleted while a machine was searching is not found.
      const session = tables.sessions.find(place.sessionId);
      if (session?.userId !== userId) continue;
      const { title, updatedAtMs } = session;
      const key = `${place.sessionId} ${place.index}`;
      const known = hits.get(key);
      const score = (FUSION + 1) / (FUSION + 1 + rank) / 2;
      if (known === undefined) hits.set(key, { ...place, title, updatedAtMs, score });
      else known.score += score;
    }
  }
  const isMeant = ({ by }: SearchHit): number => Number(by === "meaning");
  const best = [...hits.values()].toSorted(
    (a, b) => b.score - a.score || isMeant(a) - isMeant(b) || b.updatedAtMs - a.updatedAtMs,
  );
  return { hits: best.slice(0, limit), complete, meaning: alike !== undefined };
}

/** Turns that are about the same, with how they begin. Undefined where no machine can say. */
async function alikePlaces({ meaning, reader, userId, query, limit }: SearchOptions): Promise<Place[] | undefined> {
  const found = await meaning?.search(userId, query, limit);
  if (found === undefined) return undefined;
  const places = await Promise.all(
    found.map(async ({ sessionId, index, createdAtMs }): Promise<Place[]> => {
      // Of a session that was deleted, or whose machine is away, there is nothing to show.
      const [turn] = await reader.turns(sessionId, index, index + 1).catch(() => []);
      if (turn?.createdAtMs !== createdAtMs) return [];
      const snippet = snippetOf(turnText(turn), query, SESSION_LIMITS.snippetCharacters);
      return [{ sessionId, index, snippet, by: "meaning" }];
    }),
  );
  return places.flat();
}

function hotPlaces({ tables, reader, userId, query, limit }: SearchOptions): Place[] {
  return tables.index.turns(userId, query, limit).flatMap(({ seq }) => {
    const place = tables.turns.place(seq);
    const [turn] = place === undefined ? [] : reader.hot(place.sessionId, place.index, place.index + 1);
    if (place === undefined || turn === undefined) return [];
    return [{ ...place, snippet: snippetOf(turnText(turn), query, SESSION_LIMITS.snippetCharacters), by: "words" }];
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
        by: "words",
      })),
  );
  return { lists, complete: answers.every((hits) => hits !== undefined) };
}
