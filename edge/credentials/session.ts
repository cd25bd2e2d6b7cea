import type { Context } from "hono";
import type { AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { putSession, type SessionMethod } from "../store/sessions.ts";
import { audit } from "./audit.ts";
import { clientOf } from "./client.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";
import { hashSecret, randomSecret } from "./secret.ts";
import { writeSessionCookie } from "./session-cookie.ts";

/**
 * Signs this browser in as a person: a new id each time, so that one planted before is worth nothing. `confirmed`: the way in was
 * strong enough to stand for a fresh confirmation.
 */
export async function startSession(
  c: Context<AppEnv>,
  user: { id: string; accountId: string; name: string },
  method: SessionMethod,
  options: { confirmed: boolean },
): Promise<void> {
  const secret = randomSecret(CREDENTIAL_LIMITS.sessionBytes);
  const now = Date.now();
  await putSession(database(c.env.DB), {
    hash: await hashSecret(secret),
    id: crypto.randomUUID(),
    userId: user.id,
    method,
    ...clientOf(c),
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + CREDENTIAL_LIMITS.sessionMs,
    confirmedAt: options.confirmed ? now : 0,
  });
  writeSessionCookie(c, secret);
  c.header("cache-control", "no-store");
  await audit(c, "signed_in", { target: method, actor: { accountId: user.accountId, id: user.id, name: user.name } });
}
