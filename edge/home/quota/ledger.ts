import { z } from "zod";
import { dayOf } from "./day.ts";
import { UnderWay } from "./under-way.ts";

/** What one request used, or many together. */
export interface Use {
  requests: number;
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  nodeMs: number;
  errors: number;
}

const usageRowSchema = z.object({
  caller: z.string(),
  model: z.string(),
  day: z.string(),
  requests: z.number(),
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  cached_tokens: z.number(),
  node_ms: z.number(),
  errors: z.number(),
});

/** Usage of one caller with one model on one UTC day. */
export interface UsageRow extends Use {
  caller: string;
  model: string;
  day: string;
}

const todaySchema = z.object({ tokens: z.number(), node_ms: z.number() });

/** As long as the audit log. */
const KEPT_MS = 400 * 24 * 3600_000;

/** Usage by caller, model and UTC day, in SQLite; and what is promised to requests under way of callers with limits by day. */
export class UsageLedger {
  readonly #sql: SqlStorage;
  readonly #today = new Map<string, { day: string; tokens: number; nodeMs: number }>();
  readonly #underWay: UnderWay;
  #purgedOn = "";

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS usage (
         caller TEXT NOT NULL, model TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL,
         prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
         node_ms INTEGER NOT NULL, errors INTEGER NOT NULL, PRIMARY KEY (day, caller, model)) WITHOUT ROWID`,
    );
    this.#underWay = new UnderWay(sql);
    this.#settleLost();
  }

  /** Tokens and time of a caller on the day of `nowMs`, of requests that have ended. */
  today(caller: string, nowMs: number): { tokens: number; nodeMs: number } {
    const day = dayOf(nowMs);
    const known = this.#today.get(caller);
    if (known?.day === day) return known;
    const row = this.#sql
      .exec(
        `SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) AS tokens, coalesce(sum(node_ms), 0) AS node_ms
         FROM usage WHERE day = ? AND caller = ?`,
        day,
        caller,
      )
      .one();
    const { tokens, node_ms: nodeMs } = todaySchema.parse(row);
    const today = { day, tokens, nodeMs };
    this.#today.set(caller, today);
    return today;
  }

  /** Notes that a request has begun, so that it is paid for even if this object does not live to see its end: see UnderWay. */
  begin(caller: string, model: string, promptTokens: number, nowMs: number): () => void {
    return this.#underWay.begin(caller, model, promptTokens, nowMs);
  }

  /** Adds what a request used to the day it ended on. */
  add(caller: string, model: string, use: Use, nowMs: number): void {
    const day = dayOf(nowMs);
    this.#write(caller, model, day, use);
    const known = this.#today.get(caller);
    if (known?.day === day) {
      known.tokens += use.promptTokens + use.completionTokens;
      known.nodeMs += use.nodeMs;
    }
    if (this.#purgedOn === day) return;
    this.#purgedOn = day;
    this.#today.clear();
    this.#sql.exec("DELETE FROM usage WHERE day < ?", dayOf(nowMs - KEPT_MS));
  }

  /** Usage of the days from `from` to `to`, both included. */
  read(from: string, to: string): UsageRow[] {
    const rows = this.#sql.exec("SELECT * FROM usage WHERE day BETWEEN ? AND ? ORDER BY day, caller, model", from, to);
    return rows.toArray().map((row) => {
      const { prompt_tokens, completion_tokens, cached_tokens, node_ms, ...rest } = usageRowSchema.parse(row);
      return {
        ...rest,
        promptTokens: prompt_tokens,
        completionTokens: completion_tokens,
        cachedTokens: cached_tokens,
        nodeMs: node_ms,
      };
    });
  }

  /** Requests that ended with the object that ran them: their prompts count as read, the rest is not known. */
  #settleLost(): void {
    for (const { caller, model, day, requests, promptTokens } of this.#underWay.takeLost()) {
      const use = { requests, promptTokens, completionTokens: 0, cachedTokens: 0, nodeMs: 0, errors: requests };
      this.#write(caller, model, day, use);
    }
  }

  #write(caller: string, model: string, day: string, use: Use): void {
    this.#sql.exec(
      `INSERT INTO usage (caller, model, day, requests, prompt_tokens, completion_tokens, cached_tokens, node_ms, errors)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (day, caller, model) DO UPDATE SET
         requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
         completion_tokens = completion_tokens + excluded.completion_tokens,
         cached_tokens = cached_tokens + excluded.cached_tokens, node_ms = node_ms + excluded.node_ms,
         errors = errors + excluded.errors`,
      caller,
      model,
      day,
      use.requests,
      use.promptTokens,
      use.completionTokens,
      use.cachedTokens,
      use.nodeMs,
      use.errors,
    );
  }
}
