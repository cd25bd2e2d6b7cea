import { PorchlightError } from "../../../shared/errors.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { untilTomorrowMs } from "./day.ts";
import type { UsageLedger } from "./ledger.ts";
import type { PaceTable } from "./pace.ts";
import { type LimitState, rateHeaders } from "./rate-headers.ts";

/** A request that was let through and has not ended. */
export interface Running {
  tokens: number;
  startedAtMs: number;
}

/** Thrown for a request over a limit, with the headers that say so. */
export class QuotaError extends PorchlightError {
  readonly headers: Record<string, string>;

  constructor(message: string, retryAfterMs: number, headers: Record<string, string>) {
    super("rate_limit_exceeded", message, { retryAfterMs });
    this.headers = headers;
  }
}

/** When to ask again where only requests under way stand in the way: they may end any moment. */
const BUSY_RETRY_MS = 1_000;

/**
 * Whether one more request may start now. Tokens are promised at the start for the worst case: what has been used, what is promised
 * and this request's worst case must fit into the day. One request alone may start whenever anything is left, so that a large worst
 * case does not waste the end of a day: the limit is passed by at most that one. Time is counted as it passes.
 * @returns the headers that tell how the caller stands after it
 */
export function admit(
  caller: Caller,
  worstTokens: number,
  state: { pace: PaceTable; ledger: UsageLedger; running: ReadonlySet<Running> },
  nowMs: number,
): Record<string, string> {
  const { requestsPerMinute, tokensPerDay, nodeSecondsPerDay } = caller.limits;
  const pace = requestsPerMinute === null ? undefined : state.pace.at(caller.id, requestsPerMinute, nowMs);
  const byDay = tokensPerDay !== null || nodeSecondsPerDay !== null;
  const today = byDay ? state.ledger.today(caller.id, nowMs) : { tokens: 0, nodeMs: 0 };
  const promised = sum(state.running, ({ tokens }) => tokens);
  const nodeSeconds = (today.nodeMs + sum(state.running, ({ startedAtMs }) => nowMs - startedAtMs)) / 1000;
  const tomorrowMs = untilTomorrowMs(nowMs);

  const stand = (added: { requests: number; tokens: number }): LimitState[] => [
    {
      name: "requests",
      limit: requestsPerMinute,
      used: (pace?.used ?? 0) + added.requests,
      resetMs: pace?.resetMs || 60_000,
    },
    { name: "tokens", limit: tokensPerDay, used: today.tokens + promised + added.tokens, resetMs: tomorrowMs },
    { name: "node-seconds", limit: nodeSecondsPerDay, used: nodeSeconds, resetMs: tomorrowMs },
  ];
  const refuse = (what: string, waitMs: number): never => {
    throw new QuotaError(
      `Rate limit reached for this API key: ${what}. Try again in ${Math.ceil(waitMs / 1000)} s, or raise the key's limit.`,
      waitMs,
      rateHeaders(stand({ requests: 0, tokens: 0 }), waitMs),
    );
  };

  if (pace !== undefined && pace.waitMs > 0) refuse(`${requestsPerMinute} requests per minute`, pace.waitMs);
  if (tokensPerDay !== null) {
    if (today.tokens >= tokensPerDay) refuse(`${tokensPerDay} tokens per day`, tomorrowMs);
    const fits = today.tokens + promised + worstTokens <= tokensPerDay;
    if (!fits && state.running.size > 0) {
      refuse(
        `${tokensPerDay} tokens per day, and what is left may be needed by requests that are running`,
        BUSY_RETRY_MS,
      );
    }
  }
  if (nodeSecondsPerDay !== null && nodeSeconds >= nodeSecondsPerDay) {
    refuse(`${nodeSecondsPerDay} seconds of machine time per day`, tomorrowMs);
  }
  if (requestsPerMinute !== null) state.pace.count(caller.id, requestsPerMinute, nowMs);
  return rateHeaders(stand({ requests: 1, tokens: worstTokens }));
}

function sum(running: Iterable<Running>, value: (one: Running) => number): number {
  let total = 0;
  for (const one of running) total += value(one);
  return total;
}
