import { and, asc, count, eq, or, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { passkeys, users } from "./schema.ts";

export type NewPasskey = Pick<
  typeof passkeys.$inferInsert,
  "id" | "name" | "publicKey" | "counter" | "transports" | "aaguid" | "backedUp"
>;

/** The statement that adds a passkey, if there is such a person: the person may be made in the same transaction, or not be made. */
export function insertPasskeyFor(db: Database, userId: string, passkey: NewPasskey, nowMs: number) {
  const { id, name, publicKey, counter, transports, aaguid, backedUp } = passkey;
  return db.insert(passkeys).select(
    sql`SELECT ${id}, ${userId}, ${name}, ${publicKey}, ${counter}, ${transports}, ${aaguid}, ${backedUp ? 1 : 0}, ${nowMs}, NULL
        WHERE EXISTS (SELECT 1 FROM ${users} WHERE ${users.id} = ${userId})`,
  );
}

/** Adds a passkey, and takes it out again if its person then has more than `atMost`: of many at once no more stay. */
export async function addPasskey(
  db: Database,
  userId: string,
  passkey: NewPasskey,
  atMost: number,
  nowMs: number,
): Promise<boolean> {
  const tooMany = sql`(SELECT count(*) FROM ${passkeys} AS its WHERE its.user_id = ${userId}) > ${atMost}`;
  const [, removed] = await db.batch([
    insertPasskeyFor(db, userId, passkey, nowMs),
    db
      .delete(passkeys)
      .where(and(eq(passkeys.id, passkey.id), tooMany))
      .returning({ id: passkeys.id }),
  ]);
  return removed.length === 0;
}

export async function findPasskey(db: Database, id: string) {
  const [found] = await db.select().from(passkeys).where(eq(passkeys.id, id)).limit(1);
  return found;
}

export async function listPasskeys(db: Database, userId: string) {
  return await db
    .select()
    .from(passkeys)
    .where(eq(passkeys.userId, userId))
    .orderBy(asc(passkeys.createdAt), asc(passkeys.id));
}

export async function countPasskeys(db: Database, userId: string): Promise<number> {
  const [row] = await db.select({ n: count() }).from(passkeys).where(eq(passkeys.userId, userId));
  return row?.n ?? 0;
}

/**
 * Takes over the counter of a good signature. False if it did not grow: of two signatures with one counter, or from two copies of
 * one authenticator, the second is refused. Authenticators that do not count say 0 for ever.
 */
export async function usePasskey(
  db: Database,
  id: string,
  use: { counter: number; backedUp: boolean; nowMs: number },
): Promise<boolean> {
  const grows = or(sql`${passkeys.counter} < ${use.counter}`, and(eq(passkeys.counter, 0), sql`${use.counter} = 0`));
  const used = await db
    .update(passkeys)
    .set({ counter: use.counter, backedUp: use.backedUp, lastUsedAt: use.nowMs })
    .where(and(eq(passkeys.id, id), grows))
    .returning({ id: passkeys.id });
  return used.length > 0;
}

export async function renamePasskey(db: Database, userId: string, id: string, name: string): Promise<boolean> {
  const renamed = await db
    .update(passkeys)
    .set({ name })
    .where(and(eq(passkeys.id, id), eq(passkeys.userId, userId)))
    .returning({ id: passkeys.id });
  return renamed.length > 0;
}

/**
 * Removes a passkey unless it is the person's last, and they have no password where passwords count (`passwords`). One statement: two
 * at once cannot remove both.
 */
export async function removePasskey(
  db: Database,
  userId: string,
  id: string,
  options: { passwords: boolean },
): Promise<boolean> {
  const another = sql`EXISTS (SELECT 1 FROM ${passkeys} AS other WHERE other.user_id = ${userId} AND other.id <> ${id})`;
  const password = sql`EXISTS (SELECT 1 FROM ${users} WHERE ${users.id} = ${userId} AND ${users.passwordHash} IS NOT NULL)`;
  const wayIn = options.passwords ? sql`(${another} OR ${password})` : another;
  const removed = await db
    .delete(passkeys)
    .where(and(eq(passkeys.id, id), eq(passkeys.userId, userId), wayIn))
    .returning({ id: passkeys.id });
  return removed.length > 0;
}
