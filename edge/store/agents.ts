import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { agents } from "./schema.ts";

/** Pairs a machine. The same key again is the same agent, whatever it is called now, and is let in again if it was revoked. */
export async function pairAgent(
  db: Database,
  agent: { id: string; accountId: string; name: string; publicKey: string; createdAt: number },
): Promise<string> {
  const [row] = await db
    .insert(agents)
    .values(agent)
    .onConflictDoUpdate({ target: [agents.accountId, agents.publicKey], set: { name: agent.name, revokedAt: null } })
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

/** Revokes one of the account's agents, again if need be. Returns whether the account has such an agent. */
export async function revokeAgent(db: Database, accountId: string, id: string, nowMs: number): Promise<boolean> {
  const revoked = await db
    .update(agents)
    .set({ revokedAt: sql`coalesce(${agents.revokedAt}, ${nowMs})` })
    .where(and(eq(agents.id, id), eq(agents.accountId, accountId)))
    .returning({ id: agents.id });
  return revoked.length > 0;
}

export async function touchAgent(db: Database, id: string, nowMs: number): Promise<void> {
  await db.update(agents).set({ lastSeenAt: nowMs }).where(eq(agents.id, id));
}
