import { and, eq, isNull, lt, or } from "drizzle-orm";
import type { Database } from "./database.ts";
import { apiKeys, users } from "./schema.ts";

/** The key with this hash, unless it was revoked, with whose it is and what they may do. */
export async function findApiKey(db: Database, hash: string) {
  const [found] = await db
    .select({
      id: apiKeys.id,
      accountId: apiKeys.accountId,
      scope: apiKeys.scope,
      userId: users.id,
      userName: users.name,
      role: users.role,
    })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(and(eq(apiKeys.hash, hash), isNull(apiKeys.revokedAt)))
    .limit(1);
  return found;
}

/** Notes that a key was used, unless that was noted less than `everyMs` ago. */
export async function touchApiKey(db: Database, id: string, nowMs: number, everyMs: number): Promise<void> {
  await db
    .update(apiKeys)
    .set({ lastUsedAt: nowMs })
    .where(and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, nowMs - everyMs))));
}
