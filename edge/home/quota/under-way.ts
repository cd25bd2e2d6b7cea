import { z } from "zod";
import { dayOf } from "./day.ts";

/** How long what is written down outlives the last request: one that follows soon finds it there. */
const LINGER_MS = 1_000;

/** Requests of one caller to one model, begun on one day, that have not ended. */
interface Hold {
  requests: number;
  promptTokens: number;
  /** What SQLite holds: never less than what is under way. */
  written: { requests: number; promptTokens: number };
  timer: ReturnType<typeof setTimeout> | undefined;
}

const rowSchema = z.object({
  caller: z.string(),
  model: z.string(),
  day: z.string(),
  requests: z.number(),
  prompt_tokens: z.number(),
});

/**
 * Requests under way of callers with limits by day, in SQLite: they are paid for even if this object does not live to see their end.
 * A write is what costs: every answer waits for it. So what is written is the most that was under way at once, and it is lowered only
 * when nothing is any more. An object that is lost then charges for that, which is too much rather than too little.
 */
export class UnderWay {
  readonly #sql: SqlStorage;
  readonly #holds = new Map<string, Hold>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("DROP TABLE IF EXISTS reservations"); // as this table was called when it had a row for each request
    sql.exec(
      `CREATE TABLE IF NOT EXISTS under_way (
         caller TEXT NOT NULL, model TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
         PRIMARY KEY (caller, model, day)) WITHOUT ROWID`,
    );
  }

  /** Takes out what an object before this one left: requests that ended with it (a crash, a deploy). */
  takeLost(): { caller: string; model: string; day: string; requests: number; promptTokens: number }[] {
    const rows = this.#sql.exec("SELECT * FROM under_way").toArray();
    this.#sql.exec("DELETE FROM under_way");
    return rows.map((row) => {
      const { prompt_tokens: promptTokens, ...rest } = rowSchema.parse(row);
      return { ...rest, promptTokens };
    });
  }

  /** Notes that a request has begun. Call what it returns once, when the request has ended. */
  begin(caller: string, model: string, promptTokens: number, nowMs: number): () => void {
    const place: Place = [caller, model, dayOf(nowMs)];
    const key = JSON.stringify(place);
    const hold = this.#holds.get(key) ?? newHold();
    this.#holds.set(key, hold);
    if (hold.timer !== undefined) clearTimeout(hold.timer);
    hold.requests += 1;
    hold.promptTokens += promptTokens;
    this.#raise(place, hold);
    return () => {
      hold.requests -= 1;
      hold.promptTokens -= promptTokens;
      if (hold.requests === 0) hold.timer = setTimeout(() => this.#drop(place, key), LINGER_MS);
    };
  }

  #raise(place: Place, { requests, promptTokens, written }: Hold): void {
    if (requests <= written.requests && promptTokens <= written.promptTokens) return;
    written.requests = Math.max(requests, written.requests);
    written.promptTokens = Math.max(promptTokens, written.promptTokens);
    this.#sql.exec(
      `INSERT INTO under_way (caller, model, day, requests, prompt_tokens) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (caller, model, day) DO UPDATE SET requests = excluded.requests, prompt_tokens = excluded.prompt_tokens`,
      ...place,
      written.requests,
      written.promptTokens,
    );
  }

  #drop(place: Place, key: string): void {
    this.#holds.delete(key);
    this.#sql.exec("DELETE FROM under_way WHERE caller = ? AND model = ? AND day = ?", ...place);
  }
}

type Place = [caller: string, model: string, day: string];

function newHold(): Hold {
  return { requests: 0, promptTokens: 0, written: { requests: 0, promptTokens: 0 }, timer: undefined };
}
