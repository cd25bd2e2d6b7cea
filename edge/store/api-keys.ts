import { and, asc, desc, eq, getTableColumns, gt, isNull, lt, or, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { apiKeys, users } from "./schema.ts";

export type ApiKeyRow = typeof apiKeys.$inferSelect;
/** What may be changed of a key. */
export type ApiKeyChange = Partial<
  Pick<ApiKeyRow, "name" | "models" | "priority" | "requestsPerMinute" | "tokensPerDay" | "nodeSecondsPerDay">
>;

/** The key with this hash, unless it was revoked or has expired, with whose it is and what they may do. */
export async function findApiKey(db: Database, hash: string, nowMs: number) {
  const [found] = await db
    .select({ key: apiKeys, userId: users.id, userName: users.name, role: users.role })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(and(eq(apiKeys.hash, hash), inUse(nowMs)))
    .limit(1);
  return found;
}

/** The key with this id, under the same conditions. */
export async function findKeyInUse(db: Database, id: string, nowMs: number): Promise<ApiKeyRow | undefined> {
  const [found] = await db
    .select({ key: apiKeys })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(and(eq(apiKeys.id, id), inUse(nowMs)))
    .limit(1);
  return found?.key;
}

/** Notes that a key was used, unless that was noted less than `everyMs` ago. */
export async function touchApiKey(db: Database, id: string, nowMs: number, everyMs: number): Promise<void> {
  await db
    .update(apiKeys)
    .set({ lastUsedAt: nowMs })
    .where(and(eq(apiKeys.id, id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, nowMs - everyMs))));
}

/** Keeps a new key, unless its person has `atMost` already: returns whether it did. One statement: many at once get no more. */
export async function putApiKey(db: Database, key: ApiKeyRow, atMost: number): Promise<boolean> {
  const values = Object.keys(getTableColumns(apiKeys)).map((name) => sql`${key[name as keyof ApiKeyRow]}`); // its own columns
  const held = sql`(SELECT count(*) FROM ${apiKeys} WHERE ${apiKeys.userId} = ${key.userId} AND ${apiKeys.revokedAt} IS NULL)`;
  const kept = await db
    .insert(apiKeys)
    .select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${held} < ${atMost}`)
    .returning({ id: apiKeys.id });
  return kept.length > 0;
}

/** The keys of a household, or of one person of it, that were not revoked; the newest first, with whose each is. */
export async function listApiKeys(db: Database, accountId: string, userId?: string) {
  return await db
    .select({ key: apiKeys, userName: users.name })
    .from(apiKeys)
    .innerJoin(users, eq(users.id, apiKeys.userId))
    .where(and(mine(accountId, userId), isNull(apiKeys.revokedAt)))
    .orderBy(desc(apiKeys.createdAt), asc(apiKeys.id));
}

/** Names of all keys there ever were, for usage of the past. */
export async function listKeyNames(db: Database, accountId: string) {
  return await db
    .select({ id: apiKeys.id, name: apiKeys.name, prefix: apiKeys.prefix, userId: apiKeys.userId })
    .from(apiKeys)
    .where(eq(apiKeys.accountId, accountId));
}

/** Changes a key of the household, or of one person of it. Returns it as it is then; undefined if there is none. */
export async function changeApiKey(
  db: Database,
  of: { accountId: string; userId?: string | undefined; id: string },
  change: ApiKeyChange,
  nowMs: number,
): Promise<ApiKeyRow | undefined> {
  const [changed] = await db
    .update(apiKeys)
    // Two changes within a millisecond are in order too.
    .set({ ...change, updatedAt: sql`max(${nowMs}, ${apiKeys.updatedAt} + 1)` })
    .where(and(eq(apiKeys.id, of.id), mine(of.accountId, of.userId), isNull(apiKeys.revokedAt)))
    .returning();
  return changed;
}

/** Revokes a key of the household, or of one person of it. Returns it; undefined if there is none. */
export async function revokeApiKey(
  db: Database,
  of: { accountId: string; userId?: string | undefined; id: string },
  nowMs: number,
): Promise<ApiKeyRow | undefined> {
  const [revoked] = await db
    .update(apiKeys)
    .set({ revokedAt: nowMs })
    .where(and(eq(apiKeys.id, of.id), mine(of.accountId, of.userId), isNull(apiKeys.revokedAt)))
    .returning();
  return revoked;
}

function inUse(nowMs: number) {
  return and(isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, nowMs)));
}

function mine(accountId: string, userId: string | undefined) {
  const ours = eq(apiKeys.accountId, accountId);
  return userId === undefined ? ours : and(ours, eq(apiKeys.userId, userId));
}
