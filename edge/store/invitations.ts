import { and, desc, eq, gt, sql } from "drizzle-orm";
import { type Database, isDuplicate } from "./database.ts";
import { insertPasskeyFor, type NewPasskey } from "./passkeys.ts";
import { invitations, users } from "./schema.ts";
import { isStillOwner } from "./users.ts";

export async function putInvitation(db: Database, invitation: typeof invitations.$inferInsert): Promise<void> {
  await db.insert(invitations).values(invitation);
}

/** An invitation that may still be used: it is in time, and whoever made it may still make some. */
const isGood = (hash: string, nowMs: number) =>
  and(eq(invitations.hash, hash), gt(invitations.expiresAt, nowMs), isStillOwner(invitations.createdBy));

/** An invitation that may still be used, without using it up. */
export async function findInvitation(db: Database, hash: string, nowMs: number) {
  const [found] = await db
    .select({ accountId: invitations.accountId, role: invitations.role, invitedBy: users.name })
    .from(invitations)
    .innerJoin(users, eq(users.id, invitations.createdBy))
    .where(isGood(hash, nowMs))
    .limit(1);
  return found;
}

/** The open invitations of a household, the newest first. */
export async function listInvitations(db: Database, accountId: string, nowMs: number) {
  return await db
    .select({
      id: invitations.id,
      role: invitations.role,
      createdAt: invitations.createdAt,
      expiresAt: invitations.expiresAt,
    })
    .from(invitations)
    .where(and(eq(invitations.accountId, accountId), gt(invitations.expiresAt, nowMs)))
    .orderBy(desc(invitations.createdAt));
}

export async function removeInvitation(db: Database, accountId: string, id: string): Promise<boolean> {
  const removed = await db
    .delete(invitations)
    .where(and(eq(invitations.id, id), eq(invitations.accountId, accountId)))
    .returning({ id: invitations.id });
  return removed.length > 0;
}

/**
 * Uses an invitation up: its person is made, with a passkey. Undefined if it was used or has expired meanwhile, "taken" if somebody
 * has that name or passkey by now. One transaction: of several at once one gets in, and what is taken leaves the invitation as it was.
 */
export async function acceptInvitation(
  db: Database,
  hash: string,
  person: { id: string; name: string; passkey: NewPasskey },
  nowMs: number,
): Promise<{ accountId: string } | "taken" | undefined> {
  const good = isGood(hash, nowMs);
  const accepting = db.batch([
    db.insert(users).select(
      sql`SELECT ${person.id}, ${invitations.accountId}, ${person.name}, ${invitations.role}, NULL, ${nowMs}
          FROM ${invitations} WHERE ${good}`,
    ),
    insertPasskeyFor(db, person.id, person.passkey, nowMs),
    db.delete(invitations).where(good).returning({ accountId: invitations.accountId }),
  ]);
  try {
    const [, , used] = await accepting;
    return used[0];
  } catch (error) {
    if (isDuplicate(error)) return "taken";
    throw error;
  }
}
