import type { Context, MiddlewareHandler } from "hono";
import { apiKeyOf, showsApiKey } from "../../shared/api/headers.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { isApiKey } from "../credentials/api-key.ts";
import { keyCache, keyMissCache } from "../credentials/key-cache.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { hashSecret } from "../credentials/secret.ts";
import { readSessionCookie } from "../credentials/session-cookie.ts";
import { parseScopes } from "../access/scopes.ts";
import type { Account, AppEnv } from "../env.ts";
import { grantOf } from "../credentials/stored-grant.ts";
import { accountOfToken } from "../oauth/access-token.ts";
import { findApiKey, touchApiKey } from "../store/api-keys.ts";
import { database } from "../store/database.ts";
import { findSession, touchSession } from "../store/sessions.ts";
import { requireSameOrigin } from "./same-origin.ts";

/**
 * Sets `c.var.account` from the API key, else from the session cookie. Who shows neither goes on without an account; a key that is
 * wrong is never made up for by a cookie.
 */
export const authenticate: MiddlewareHandler<AppEnv> = async (c, next) => {
  const account = showsApiKey(c) ? await byKey(c) : await bySession(c);
  if (account) c.set("account", account);
  await next();
};

/** Refuses whoever `authenticate` did not recognise. */
export const requireAccount: MiddlewareHandler<AppEnv> = async (c, next) => {
  accountOf(c);
  await next();
};

/** Who is asking. Throws `invalid_api_key` if nobody. */
export function accountOf(c: Context<AppEnv>): Account {
  const { account } = c.var;
  if (!account) throw new PorchlightError("invalid_api_key");
  return account;
}

/** The session of who is asking. Throws `forbidden` for an API key. */
export function sessionOf(c: Context<AppEnv>): NonNullable<Account["session"]> {
  const { session } = accountOf(c);
  if (!session) throw new PorchlightError("forbidden", "Only a person who is signed in may do that, not an API key.");
  return session;
}

async function byKey(c: Context<AppEnv>): Promise<Account | null> {
  const token = apiKeyOf(c);
  if (token === undefined) return null;
  if (!isApiKey(token)) return await accountOfToken(c, token);
  const hash = await hashSecret(token);
  const now = Date.now();
  const known = keyCache.get(hash, now);
  if (known !== undefined) return known;
  if (keyMissCache.get(hash, now)) return null;
  const db = database(c.env.DB);
  const found = await findApiKey(db, hash, now);
  if (!found) {
    keyMissCache.set(hash, true, now + CREDENTIAL_LIMITS.keyMissCacheMs);
    return null;
  }
  const { key, userId, userName, role } = found;
  const account: Account = {
    id: key.accountId,
    userId,
    userName,
    role,
    key: { ...grantOf(key), scopes: parseScopes(key.scope) },
  };
  keyCache.set(hash, account, Math.min(now + CREDENTIAL_LIMITS.keyCacheMs, key.expiresAt ?? Infinity));
  c.executionCtx.waitUntil(touchApiKey(db, key.id, now, CREDENTIAL_LIMITS.lastUsedMs));
  return account;
}

async function bySession(c: Context<AppEnv>): Promise<Account | null> {
  // Browsers attach cookies by themselves. Without one there is nothing to abuse, and no origin to know.
  if (c.req.header("cookie") === undefined) return null;
  const id = readSessionCookie(c);
  if (id === undefined) return null;
  const db = database(c.env.DB);
  const now = Date.now();
  const found = await findSession(db, await hashSecret(id), now);
  if (!found) return null;
  requireSameOrigin(c);
  if (now - found.lastSeenAt > CREDENTIAL_LIMITS.lastUsedMs) c.executionCtx.waitUntil(touchSession(db, found.id, now));
  const { accountId, userId, userName, role, confirmedAt } = found;
  return { id: accountId, userId, userName, role, session: { id: found.id, confirmedAt } };
}
