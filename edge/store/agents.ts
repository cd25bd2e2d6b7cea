import { and, asc, desc, eq, isNotNull, isNull, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { agents } from "./schema.ts";

/**
 * Pairs a machine. The same key again is the same agent, whatever it is called now, and is let in again if it was revoked. A name that
 * the owner gave it stays.
 */
export async function pairAgent(
  db: Database,
  agent: { id: string; accountId: string; name: string; publicKey: string; createdAt: number },
): Promise<string> {
  const [row] = await db
    .insert(agents)
    .values(agent)
    .onConflictDoUpdate({
      target: [agents.accountId, agents.publicKey],
      set: { name: sql`CASE WHEN ${agents.renamed} THEN ${agents.name} ELSE ${agent.name} END`, revokedAt: null },
    })
    .returning({ id: agents.id });
  return row?.id ?? agent.id;
}

/** Any agent, revoked ones too. */
export async function findAgent(db: Database, id: string) {
  const [found] = await db.select().from(agents).where(eq(agents.id, id)).limit(1);
  return found;
}

/** An account's agents, the oldest first, without those revoked. */
export async function listAgents(db: Database, accountId: string) {
  return await db
    .select()
    .from(agents)
    .where(and(eq(agents.accountId, accountId), isNull(agents.revokedAt)))
    .orderBy(asc(agents.createdAt), asc(agents.id));
}

/** An account's agents that were revoked, the last one first. */
export async function listRevokedAgents(db: Database, accountId: string, limit: number) {
  return await db
    .select({ id: agents.id, name: agents.name, revokedAt: agents.revokedAt })
    .from(agents)
    .where(and(eq(agents.accountId, accountId), isNotNull(agents.revokedAt)))
    .orderBy(desc(agents.revokedAt))
    .limit(limit);
}

/** Changes one of the account's agents. Returns whether there is such an agent. */
export async function renameAgent(db: Database, accountId: string, id: string, name: string): Promise<boolean> {
  const renamed = await db
    .update(agents)
    .set({ name, renamed: true })
    .where(and(eq(agents.id, id), eq(agents.accountId, accountId), isNull(agents.revokedAt)))
    .returning({ id: agents.id });
  return renamed.length > 0;
}

/** Lets a revoked agent in again. Returns its name; undefined if the account has no such agent. */
export async function restoreAgent(db: Database, accountId: string, id: string): Promise<string | undefined> {
  const [restored] = await db
    .update(agents)
    .set({ revokedAt: null })
    .where(and(eq(agents.id, id), eq(agents.accountId, accountId), isNotNull(agents.revokedAt)))
    .returning({ name: agents.name });
  return restored?.name;
}

/** Revokes one of the account's agents, again if need be. Returns its name; undefined if the account has no such agent. */
export async function revokeAgent(
  db: Database,
  accountId: string,
  id: string,
  nowMs: number,
): Promise<string | undefined> {
  const [revoked] = await db
    .update(agents)
    .set({ revokedAt: sql`coalesce(${agents.revokedAt}, ${nowMs})` })
    .where(and(eq(agents.id, id), eq(agents.accountId, accountId)))
    .returning({ name: agents.name });
  return revoked?.name;
}

export async function touchAgent(db: Database, id: string, nowMs: number): Promise<void> {
  await db.update(agents).set({ lastSeenAt: nowMs }).where(eq(agents.id, id));
}
