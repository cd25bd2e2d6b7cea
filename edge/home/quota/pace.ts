import { z } from "zod";

/** Requests are counted by the second: exact enough for a minute, and one short row however many there are. */
const WINDOW_SECONDS = 60;

const countsSchema = z.array(z.tuple([z.number().int(), z.number().int()])).max(WINDOW_SECONDS + 1);

/** How a caller stands within the sliding minute. */
export interface Pace {
  used: number;
  /** Until one more is let through, if that is not now. */
  waitMs: number;
  /** Until nothing is counted any more. */
  resetMs: number;
}

/**
 * Requests of the last minute by caller, in SQLite. Within any 60 seconds no more get through than the limit says; the second that is
 * just leaving still counts.
 */
export class PaceTable {
  readonly #sql: SqlStorage;
  readonly #counts = new Map<string, [second: number, count: number][]>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS pace (caller TEXT PRIMARY KEY, counts TEXT NOT NULL)");
  }

  at(caller: string, limit: number, nowMs: number): Pace {
    const counts = this.#recent(caller, nowMs);
    const used = counts.reduce((sum, [, count]) => sum + count, 0);
    return {
      used,
      waitMs: waitMs(counts, used - limit + 1, nowMs),
      resetMs: Math.max(0, leavesAt(counts.at(-1), nowMs)),
    };
  }

  /** Counts one request. */
  count(caller: string, nowMs: number): void {
    const counts = this.#recent(caller, nowMs);
    const second = Math.floor(nowMs / 1000);
    const last = counts.at(-1);
    if (last?.[0] === second) last[1]++;
    else counts.push([second, 1]);
    this.#sql.exec(
      "INSERT INTO pace (caller, counts) VALUES (?, ?) ON CONFLICT (caller) DO UPDATE SET counts = excluded.counts",
      caller,
      JSON.stringify(counts),
    );
  }

  forget(caller: string): void {
    this.#counts.delete(caller);
    this.#sql.exec("DELETE FROM pace WHERE caller = ?", caller);
  }

  #recent(caller: string, nowMs: number): [number, number][] {
    const counts = this.#counts.get(caller) ?? this.#read(caller);
    const oldest = Math.floor(nowMs / 1000) - WINDOW_SECONDS;
    while (counts[0] !== undefined && counts[0][0] < oldest) counts.shift();
    this.#counts.set(caller, counts);
    return counts;
  }

  #read(caller: string): [number, number][] {
    const [row] = this.#sql.exec("SELECT counts FROM pace WHERE caller = ?", caller).toArray();
    return row ? countsSchema.parse(JSON.parse(z.string().parse(row["counts"]))) : [];
  }
}

/** How long until `excess` of the counted requests have left the window. */
function waitMs(counts: readonly [number, number][], excess: number, nowMs: number): number {
  let left = excess;
  for (const entry of counts) {
    if (left <= 0) return 0;
    left -= entry[1];
    if (left <= 0) return leavesAt(entry, nowMs);
  }
  return 0;
}

function leavesAt(entry: readonly [number, number] | undefined, nowMs: number): number {
  return entry === undefined ? 0 : (entry[0] + WINDOW_SECONDS + 1) * 1000 - nowMs;
}
