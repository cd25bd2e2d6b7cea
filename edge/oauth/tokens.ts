import { hashSecret, randomSecret } from "../credentials/secret.ts";
import type { Database } from "../store/database.ts";
import { endGrant, type OauthGrant, putTokens } from "../store/oauth.ts";
import { OAUTH_LIMITS } from "./limits.ts";
import { tokenCache } from "./token-cache.ts";

/** Told apart by their beginnings: by scanners, and where one is shown in place of another. */
const PREFIXES = { code: "plo_code_", access: "plo_at_", refresh: "plo_rt_" } as const;
type Kind = keyof typeof PREFIXES;

/** 256 random bits. */
export function newSecret(kind: Kind): string {
  return PREFIXES[kind] + randomSecret(OAUTH_LIMITS.secretBytes);
}

/** Whether `text` can be one at all: checked before anything is asked of the database. */
export function isSecret(kind: Kind, text: string): boolean {
  return text.startsWith(PREFIXES[kind]) && /^[\w-]{43}$/.test(text.slice(PREFIXES[kind].length));
}

/** Gives a grant new tokens: the answer of RFC 6749, section 5.1. Undefined where the grant has just ended. */
export async function newTokens(db: Database, grant: Pick<OauthGrant, "id" | "scope">) {
  const now = Date.now();
  const [access, refresh] = [newSecret("access"), newSecret("refresh")];
  const rows = {
    access: { hash: await hashSecret(access), expiresAt: now + OAUTH_LIMITS.accessMs },
    refresh: { hash: await hashSecret(refresh), expiresAt: now + OAUTH_LIMITS.refreshMs },
  };
  if (!(await putTokens(db, grant.id, rows, now))) return undefined;
  return {
    access_token: access,
    token_type: "Bearer",
    expires_in: OAUTH_LIMITS.accessMs / 1000,
    refresh_token: refresh,
    scope: grant.scope,
  };
}

/** Ends a grant with all of its tokens; other isolates forget them within 30 seconds. Returns its client's name, or undefined where there is none. */
export async function disconnect(db: Database, id: string, userId?: string): Promise<string | undefined> {
  const ended = await endGrant(db, id, userId);
  for (const hash of ended?.hashes ?? []) tokenCache.delete(hash);
  return ended?.name;
}
