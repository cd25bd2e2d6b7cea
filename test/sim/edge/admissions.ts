import { CONTEXT_TOKENS } from "../agent/script.ts";
import type { Caller } from "./product.ts";
import type { VirtualSql } from "./sql.ts";

/** A request that limits let through. */
export interface Admitted {
  requestId: string;
  caller: Caller;
  atMs: number;
  /** Most tokens that it can cost. */
  worstTokens: number;
  /** What its key had used by then, on that day. */
  usedTokens: number;
}

/** What limits let through, told from the object's answers. */
export class Admissions {
  readonly #all: Admitted[] = [];
  readonly #now: () => { sql: VirtualSql; nowMs: number };

  constructor(now: () => { sql: VirtualSql; nowMs: number }) {
    this.#now = now;
  }

  get all(): readonly Admitted[] {
    return this.#all;
  }

  /** The object answers a request. */
  note({ headers }: Request, bodyBytes: number, response: Response): void {
    const { sql, nowMs } = this.#now();
    const text = headers.get("porchlight-caller");
    const requestId = headers.get("porchlight-request-id") ?? "";
    // One that is asked for again, since its answer was broken off, is the same.
    if (!response.ok || text === null || this.#all.some((one) => one.requestId === requestId)) return;
    const caller = JSON.parse(text) as Caller; // Written by the Worker's code.
    const maxTokens = Number(headers.get("porchlight-max-tokens") ?? CONTEXT_TOKENS);
    const used = sql
      .exec(
        "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) AS n FROM usage WHERE caller = ? AND day = ?",
        caller.id,
        new Date(Date.now()).toISOString().slice(0, 10),
      )
      .one();
    this.#all.push({
      requestId,
      caller,
      atMs: nowMs,
      worstTokens: Math.min(CONTEXT_TOKENS, bodyBytes + maxTokens),
      usedTokens: Number(used["n"]),
    });
  }
}
