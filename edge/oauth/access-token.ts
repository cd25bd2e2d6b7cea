import type { Context } from "hono";
import { parseScopes } from "../access/scopes.ts";
import { NO_LIMITS } from "../credentials/key-grant.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import { hashSecret } from "../credentials/secret.ts";
import type { Account, AppEnv } from "../env.ts";
import { database } from "../store/database.ts";
import { findToken, touchGrant } from "../store/oauth.ts";
import { audienceOf } from "./issuer.ts";
import { tokenCache } from "./token-cache.ts";
import { isSecret } from "./tokens.ts";

/**
 * Who shows an access token: its person, with what the token is good for and no more. Null for one that is not known, has ended, or is
 * for another resource than this address.
 */
export async function accountOfToken(c: Context<AppEnv>, token: string): Promise<Account | null> {
  if (c.req.path !== "/mcp" || !isSecret("access", token)) return null;
  const hash = await hashSecret(token);
  const now = Date.now();
  const known = tokenCache.get(hash, now);
  if (known !== undefined) return known.resource === audienceOf(c) ? known.account : null;
  const db = database(c.env.DB);
  const found = await findToken(db, hash);
  if (found === undefined || found.token.kind !== "access" || found.token.expiresAt <= now) return null;
  const { token: row, grant, userName, role, accountId } = found;
  if (grant.resource !== audienceOf(c)) return null;
  // What it uses counts as its person's own: it has no limits of its own to count by.
  const key = { id: grant.userId, version: 0, limits: NO_LIMITS, models: null, priority: "normal" as const };
  const account: Account = {
    id: accountId,
    userId: grant.userId,
    userName,
    role,
    key: { ...key, scopes: parseScopes(grant.scope) },
  };
  tokenCache.set(
    hash,
    { account, resource: grant.resource },
    Math.min(now + CREDENTIAL_LIMITS.keyCacheMs, row.expiresAt),
  );
  c.executionCtx.waitUntil(touchGrant(db, grant.id, now, CREDENTIAL_LIMITS.lastUsedMs));
  return account;
}
