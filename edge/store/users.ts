import { and, asc, type Column, count, eq, ne, sql } from "drizzle-orm";
import type { Role } from "../access/roles.ts";
import type { Database } from "./database.ts";
import { passkeys, users } from "./schema.ts";

export async function findUser(db: Database, id: string) {
  const [found] = await db.select().from(users).where(eq(users.id, id)).limit(1);
  return found;
}

/** By the name one signs in with; case does not matter. */
export async function findUserByName(db: Database, name: string) {
  const [found] = await db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.name})`, sql`lower(${name})`))
    .limit(1);
  return found;
}

/** The people of a household, the oldest first, with how many passkeys each has. */
export async function listUsers(db: Database, accountId: string) {
  return await db
    .select({
      id: users.id,
      name: users.name,
      role: users.role,
      createdAt: users.createdAt,
      passkeys: count(passkeys.id),
    })
    .from(users)
    .leftJoin(passkeys, eq(passkeys.userId, users.id))
    .where(eq(users.accountId, accountId))
    .groupBy(users.id)
    .orderBy(asc(users.createdAt), asc(users.id));
}

/** Renames a person. Returns false if another has that name. */
export async function renameUser(db: Database, id: string, name: string): Promise<boolean> {
  const taken = sql`EXISTS (SELECT 1 FROM ${users} AS other WHERE lower(other.name) = lower(${name}) AND other.id <> ${id})`;
  const renamed = await db
    .update(users)
    .set({ name })
    .where(and(eq(users.id, id), sql`NOT ${taken}`))
    .returning({ id: users.id });
  return renamed.length > 0;
}

/**
 * That the person of this column is an owner: the condition under which what an owner gave out is good. Who was one might otherwise
 * keep a way back in.
 */
export const isStillOwner = (userId: Column) =>
  sql`EXISTS (SELECT 1 FROM ${users} AS maker WHERE maker.id = ${userId} AND maker.role = 'owner')`;

/** Another owner than `id` in the household: the condition under which an owner may go. */
const anotherOwner = (accountId: string, id: string) =>
  sql`EXISTS (SELECT 1 FROM ${users} AS other WHERE other.account_id = ${accountId} AND other.role = 'owner' AND other.id <> ${id})`;

/** Gives a person of the household another role; false if that would leave it without an owner. One statement: no race. */
export async function setRole(db: Database, accountId: string, id: string, role: Role): Promise<boolean> {
  const kept = role === "owner" ? sql`1` : anotherOwner(accountId, id);
  const changed = await db
    .update(users)
    .set({ role })
    .where(and(eq(users.id, id), eq(users.accountId, accountId), sql`(${ne(users.role, "owner")} OR ${kept})`))
    .returning({ id: users.id });
  return changed.length > 0;
}

/** Removes a person with all they have (keys, sessions, passkeys); false if that would leave the household without an owner. */
export async function removeUser(db: Database, accountId: string, id: string): Promise<boolean> {
  const removed = await db
    .delete(users)
    .where(
      and(
        eq(users.id, id),
        eq(users.accountId, accountId),
        sql`(${ne(users.role, "owner")} OR ${anotherOwner(accountId, id)})`,
      ),
    )
    .returning({ id: users.id });
  return removed.length > 0;
}

/** Sets or, with null, takes away the password. */
export async function setPasswordHash(db: Database, id: string, passwordHash: string | null): Promise<void> {
  await db.update(users).set({ passwordHash }).where(eq(users.id, id));
}
