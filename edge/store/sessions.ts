import { and, eq, gt, lt } from "drizzle-orm";
import type { Database } from "./database.ts";
import { accounts, sessions } from "./schema.ts";

/** Keeps a session, and throws away those that have expired. */
export async function putSession(db: Database, session: typeof sessions.$inferInsert, nowMs: number): Promise<void> {
  await db.batch([db.delete(sessions).where(lt(sessions.expiresAt, nowMs)), db.insert(sessions).values(session)]);
}

/** The account of a session that has not expired. */
export async function findSession(db: Database, hash: string, nowMs: number) {
  const [found] = await db
    .select({ accountId: sessions.accountId, role: accounts.role })
    .from(sessions)
    .innerJoin(accounts, eq(accounts.id, sessions.accountId))
    .where(and(eq(sessions.hash, hash), gt(sessions.expiresAt, nowMs)))
    .limit(1);
  return found;
}

export async function deleteSession(db: Database, hash: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.hash, hash));
}
