import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import { networkOf } from "../../shared/network-of.ts";
import type { AppEnv } from "../env.ts";
import { countAttempt, forgiveAttempt } from "../store/attempts.ts";
import { database } from "../store/database.ts";
import type { CodeKind } from "../store/one-time-codes.ts";
import { clientOf } from "./client.ts";
import { ATTEMPT_LIMITS } from "./limits.ts";
import { redeemCode } from "./one-time-code.ts";

type LimitName = keyof typeof ATTEMPT_LIMITS;

/**
 * Counts a try before it is looked at, so that many at once count as many. `key` is what is counted by; by default the visitor's
 * address. Throws `rate_limited` once the limit is passed. Returns a function that takes the try back: call it on success.
 */
export async function attempt(c: Context<AppEnv>, limit: LimitName, key?: string): Promise<() => Promise<void>> {
  const { count: allowed, windowMs } = ATTEMPT_LIMITS[limit];
  const db = database(c.env.DB);
  const bucket = `${limit}:${key ?? networkOf(clientOf(c).address)}`;
  const now = Date.now();
  const { count, expiresAt } = await countAttempt(db, bucket, windowMs, now);
  if (count > allowed) {
    throw new PorchlightError("rate_limited", "Too many tries. Wait a while, then try again.", {
      retryAfterMs: Math.max(1000, expiresAt - now),
    });
  }
  return () => forgiveAttempt(db, bucket);
}

/** `redeemCode` for whoever has a code to try: wrong ones are counted by address. */
export async function redeemGuarded(c: Context<AppEnv>, kind: CodeKind, code: string) {
  const succeeded = await attempt(c, "address");
  const taken = await redeemCode(database(c.env.DB), kind, code);
  await succeeded();
  return taken;
}
