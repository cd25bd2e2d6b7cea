import { z } from "zod";

/** Requests are counted by the second: exact enough for a minute, and one short row however many there are. */
const WINDOW_SECONDS = 60;
/** What is written down of the running second may be ahead of what was counted by this part of the limit. */
const AHEAD = 1 / 128;

const countsSchema = z.array(z.tuple([z.number().int(), z.number().int()])).max(WINDOW_SECONDS + 1);

/** How a caller stands within the sliding minute. */
export interface Pace {
  used: number;
  /** Until one more is let through, if that is not now. */
  waitMs: number;
  /** Until nothing is counted any more. */
  resetMs: number;
}

interface Counts {
  bySecond: [second: number, count: number][];
  /** What SQLite holds for the last second: never less than what was counted. */
  writtenForLast: number;
}

/**
 * Requests of the last minute by caller, in memory and in SQLite. Within any 60 seconds no more get through than the limit says; the
 * second that is just leaving still counts. A write is what costs: every answer waits for it. So where the limit is high, some
 * requests are written down before they come. An object that is lost then leaves a count that is too high by that, never too low.
 */
export class PaceTable {
  readonly #sql: SqlStorage;
  readonly #counts = new Map<string, Counts>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS pace (caller TEXT PRIMARY KEY, counts TEXT NOT NULL)");
  }

  at(caller: string, limit: number, nowMs: number): Pace {
    const { bySecond } = this.#recent(caller, nowMs);
    const used = bySecond.reduce((sum, [, count]) => sum + count, 0);
    return {
      used,
      waitMs: waitMs(bySecond, used - limit + 1, nowMs),
      resetMs: Math.max(0, leavesAt(bySecond.at(-1), nowMs)),
    };
  }

  /** Counts one request. */
  count(caller: string, limit: number, nowMs: number): void {
    const counts = this.#recent(caller, nowMs);
    const second = Math.floor(nowMs / 1000);
    let last = counts.bySecond.at(-1);
    if (last?.[0] !== second) {
      last = [second, 0];
      counts.bySecond.push(last);
      counts.writtenForLast = 0;
    }
    last[1]++;
    if (last[1] <= counts.writtenForLast) return;
    counts.writtenForLast = last[1] + Math.floor(limit * AHEAD);
    this.#write(caller, [...counts.bySecond.slice(0, -1), [second, counts.writtenForLast]]);
  }

  /** Drops what counts no more, of callers who ask no more, too. */
  sweep(nowMs: number): void {
    const oldest = Math.floor(nowMs / 1000) - WINDOW_SECONDS;
    for (const [caller, { bySecond }] of this.#counts) {
      if ((bySecond.at(-1)?.[0] ?? 0) < oldest) this.#counts.delete(caller);
    }
    this.#sql.exec("DELETE FROM pace WHERE json_extract(counts, '$[#-1][0]') < ?", oldest);
  }

  #recent(caller: string, nowMs: number): Counts {
    const counts = this.#counts.get(caller) ?? this.#read(caller);
    const oldest = Math.floor(nowMs / 1000) - WINDOW_SECONDS;
    const { bySecond } = counts;
    while (bySecond[0] !== undefined && bySecond[0][0] < oldest) bySecond.shift();
    this.#counts.set(caller, counts);
    return counts;
  }

  #read(caller: string): Counts {
    const [row] = this.#sql.exec("SELECT counts FROM pace WHERE caller = ?", caller).toArray();
    const bySecond = row ? countsSchema.parse(JSON.parse(z.string().parse(row["counts"]))) : [];
    return { bySecond, writtenForLast: bySecond.at(-1)?.[1] ?? 0 };
  }

  #write(caller: string, bySecond: [number, number][]): void {
    this.#sql.exec(
      "INSERT INTO pace (caller, counts) VALUES (?, ?) ON CONFLICT (caller) DO UPDATE SET counts = excluded.counts",
      caller,
      JSON.stringify(bySecond),
    );
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
