import { z } from "zod";
import type { TokenTimes } from "./expected-time.ts";

/** What one answer showed of a model on a machine, with the slowing of others taken out. Undefined: too little to tell. */
export interface Measured {
  promptMs: number | undefined;
  answerMs: number | undefined;
}

/** Weight of a new answer in the mean. */
const ALPHA = 0.25;
/** Half of what is known is forgotten in this time: a machine that was slow once gets another chance. */
const HALF_LIFE_MS = 10 * 60_000;

const rowSchema = z.object({
  agent: z.string(),
  model: z.string(),
  prompt_ms: z.number().nullable(),
  answer_ms: z.number().nullable(),
  at: z.number(),
});

interface Row {
  promptMs: number | undefined;
  answerMs: number | undefined;
  atMs: number;
}

/** How fast each model has been on each machine: moving means (EWMA) of what its answers showed, kept in SQLite. */
export class SpeedTable {
  readonly #sql: SqlStorage;
  readonly #rows = new Map<string, Row>();
  /** Keys of which SQLite does not know yet. */
  readonly #unwritten = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS speeds (agent TEXT NOT NULL, model TEXT NOT NULL, prompt_ms REAL, answer_ms REAL, at INTEGER NOT NULL, PRIMARY KEY (agent, model)) WITHOUT ROWID",
    );
    for (const row of sql.exec("SELECT agent, model, prompt_ms, answer_ms, at FROM speeds")) {
      const { agent, model, prompt_ms, answer_ms, at } = rowSchema.parse(row);
      const times = { promptMs: prompt_ms ?? undefined, answerMs: answer_ms ?? undefined };
      this.#rows.set(keyOf(agent, model), { ...times, atMs: at });
    }
  }

  /** What to expect now: what was measured, the older the closer to `prior`. */
  of(agentId: string, model: string, prior: TokenTimes, nowMs: number): TokenTimes {
    const row = this.#rows.get(keyOf(agentId, model));
    if (row === undefined) return prior;
    const weight = 0.5 ** (Math.max(0, nowMs - row.atMs) / HALF_LIFE_MS);
    const between = (measured: number | undefined, expected: number): number =>
      measured === undefined ? expected : expected * (measured / expected) ** weight;
    return { promptMs: between(row.promptMs, prior.promptMs), answerMs: between(row.answerMs, prior.answerMs) };
  }

  note(agentId: string, model: string, measured: Measured, nowMs: number): void {
    if (measured.promptMs === undefined && measured.answerMs === undefined) return;
    const key = keyOf(agentId, model);
    const before = this.#rows.get(key);
    const promptMs = mean(before?.promptMs, measured.promptMs);
    const answerMs = mean(before?.answerMs, measured.answerMs);
    this.#rows.set(key, { promptMs, answerMs, atMs: nowMs });
    this.#unwritten.add(key);
  }

  /** Writes down what has changed. */
  flush(): void {
    for (const key of this.#unwritten) {
      const row = this.#rows.get(key);
      if (row === undefined) continue;
      const cut = key.indexOf("\n");
      const values = [key.slice(0, cut), key.slice(cut + 1), row.promptMs ?? null, row.answerMs ?? null, row.atMs];
      this.#sql.exec(
        "INSERT OR REPLACE INTO speeds (agent, model, prompt_ms, answer_ms, at) VALUES (?, ?, ?, ?, ?)",
        ...values,
      );
    }
    this.#unwritten.clear();
  }

  forget(agentId: string): void {
    for (const key of this.#rows.keys()) if (key.startsWith(`${agentId}\n`)) this.#rows.delete(key);
    this.#sql.exec("DELETE FROM speeds WHERE agent = ?", agentId);
  }
}

/** Ids have no line breaks. */
const keyOf = (agentId: string, model: string): string => `${agentId}\n${model}`;

/** The mean moves in ratios: a time twice as long and one half as long weigh the same. */
function mean(before: number | undefined, measured: number | undefined): number | undefined {
  if (before === undefined || measured === undefined) return measured ?? before;
  return before ** (1 - ALPHA) * measured ** ALPHA;
}
