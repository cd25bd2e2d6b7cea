import { and, desc, eq, gt, lt, ne } from "drizzle-orm";
import type { Database } from "./database.ts";
import { sessions, users } from "./schema.ts";

export type SessionMethod = (typeof sessions.$inferSelect)["method"];

export async function putSession(db: Database, session: typeof sessions.$inferInsert): Promise<void> {
  await db.insert(sessions).values(session);
}

/** A session that has not expired, with its person. */
export async function findSession(db: Database, hash: string, nowMs: number) {
  const [found] = await db
    .select({
      id: sessions.id,
      confirmedAt: sessions.confirmedAt,
      lastSeenAt: sessions.lastSeenAt,
      userId: users.id,
      userName: users.name,
      role: users.role,
      accountId: users.accountId,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .where(and(eq(sessions.hash, hash), gt(sessions.expiresAt, nowMs)))
    .limit(1);
  return found;
}

/** Notes that a session was used. */
export async function touchSession(db: Database, id: string, nowMs: number): Promise<void> {
  await db.update(sessions).set({ lastSeenAt: nowMs }).where(eq(sessions.id, id));
}

/** Notes that the person of a session proved to be there. */
export async function confirmSession(db: Database, id: string, nowMs: number): Promise<void> {
  await db.update(sessions).set({ confirmedAt: nowMs }).where(eq(sessions.id, id));
}

/** A person's sessions that have not expired, the latest used first. */
export async function listSessions(db: Database, userId: string, nowMs: number) {
  return await db
    .select({
      id: sessions.id,
      method: sessions.method,
      userAgent: sessions.userAgent,
      address: sessions.address,
      createdAt: sessions.createdAt,
      lastSeenAt: sessions.lastSeenAt,
    })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), gt(sessions.expiresAt, nowMs)))
    .orderBy(desc(sessions.lastSeenAt), desc(sessions.createdAt));
}

/** Ends one of a person's sessions; false if they have no such session. */
export async function endSession(db: Database, userId: string, id: string): Promise<boolean> {
  const ended = await db
    .delete(sessions)
    .where(and(eq(sessions.id, id), eq(sessions.userId, userId)))
    .returning({ id: sessions.id });
  return ended.length > 0;
}

/** Ends all of a person's sessions but one; returns how many. */
export async function endOtherSessions(db: Database, userId: string, keptId: string): Promise<number> {
  const ended = await db
    .delete(sessions)
    .where(and(eq(sessions.userId, userId), ne(sessions.id, keptId)))
    .returning({ id: sessions.id });
  return ended.length;
}

/** The statement that throws away what has expired. */
export function purgeSessions(db: Database, nowMs: number) {
  return db.delete(sessions).where(lt(sessions.expiresAt, nowMs));
}
