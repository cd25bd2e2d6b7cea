import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { marketNamespaces, marketPublisherKeys, marketPublishers } from "./schema.ts";

export type Publisher = typeof marketPublishers.$inferSelect;
export type PublisherKey = typeof marketPublisherKeys.$inferSelect;

export async function findPublisher(db: Database, userId: string): Promise<Publisher | undefined> {
  const [found] = await db.select().from(marketPublishers).where(eq(marketPublishers.userId, userId)).limit(1);
  return found;
}

/** The person's publisher, made if there is none. Throws as a duplicate where two were made at once. */
export async function putPublisher(db: Database, publisher: Omit<Publisher, "official">): Promise<Publisher> {
  const { name } = publisher;
  const [row] = await db
    .insert(marketPublishers)
    .values(publisher)
    .onConflictDoUpdate({ target: marketPublishers.userId, set: { name } })
    .returning();
  if (row === undefined) throw new Error("The database did not return the row it wrote.");
  return row;
}

export async function setOfficial(db: Database, id: string, official: boolean): Promise<boolean> {
  const set = await db
    .update(marketPublishers)
    .set({ official })
    .where(eq(marketPublishers.id, id))
    .returning({ id: marketPublishers.id });
  return set.length > 0;
}

/** Whose a namespace is. */
export async function findNamespace(db: Database, namespace: string) {
  const [found] = await db
    .select({ publisher: marketPublishers })
    .from(marketNamespaces)
    .innerJoin(marketPublishers, eq(marketPublishers.id, marketNamespaces.publisherId))
    .where(eq(marketNamespaces.namespace, namespace))
    .limit(1);
  return found?.publisher;
}

/** Claims a namespace that is nobody's, if the publisher has less than `atMost`. One statement: of several at once one gets it. */
export async function claimNamespace(
  db: Database,
  claim: typeof marketNamespaces.$inferInsert,
  atMost: number,
): Promise<boolean> {
  const { namespace, publisherId, claimedAt } = claim;
  const held = sql`(SELECT count(*) FROM ${marketNamespaces} WHERE ${marketNamespaces.publisherId} = ${publisherId})`;
  const claimed = await db
    .insert(marketNamespaces)
    .select(sql`SELECT ${namespace}, ${publisherId}, ${claimedAt} WHERE ${held} < ${atMost}`)
    .onConflictDoNothing()
    .returning({ namespace: marketNamespaces.namespace });
  return claimed.length > 0;
}

export async function listNamespaces(db: Database, publisherId: string): Promise<string[]> {
  const rows = await db
    .select({ namespace: marketNamespaces.namespace })
    .from(marketNamespaces)
    .where(eq(marketNamespaces.publisherId, publisherId))
    .orderBy(asc(marketNamespaces.namespace));
  return rows.map(({ namespace }) => namespace);
}

/** Registers a key that is nobody's yet; the publisher's own, revoked or not, stays as it is. False where it is another's or there are too many. */
export async function addPublisherKey(
  db: Database,
  key: Omit<PublisherKey, "revokedAt">,
  atMost: number,
): Promise<boolean> {
  const { publicKey, publisherId, name, createdAt } = key;
  const held = sql`(SELECT count(*) FROM ${marketPublisherKeys} WHERE ${marketPublisherKeys.publisherId} = ${publisherId}
    AND ${marketPublisherKeys.revokedAt} IS NULL)`;
  const added = await db
    .insert(marketPublisherKeys)
    .select(sql`SELECT ${publicKey}, ${publisherId}, ${name}, ${createdAt}, NULL WHERE ${held} < ${atMost}`)
    .onConflictDoNothing()
    .returning({ publicKey: marketPublisherKeys.publicKey });
  if (added.length > 0) return true;
  return (await findPublisherKey(db, publisherId, publicKey)) !== undefined;
}

/** A key of this publisher that is in use. */
export async function findPublisherKey(db: Database, publisherId: string, publicKey: string) {
  const [found] = await db
    .select()
    .from(marketPublisherKeys)
    .where(
      and(
        eq(marketPublisherKeys.publicKey, publicKey),
        eq(marketPublisherKeys.publisherId, publisherId),
        isNull(marketPublisherKeys.revokedAt),
      ),
    )
    .limit(1);
  return found;
}

export async function listPublisherKeys(db: Database, publisherId: string): Promise<PublisherKey[]> {
  return await db
    .select()
    .from(marketPublisherKeys)
    .where(eq(marketPublisherKeys.publisherId, publisherId))
    .orderBy(asc(marketPublisherKeys.createdAt));
}

/** What it signed before stays published; nothing new is taken. */
export async function revokePublisherKey(
  db: Database,
  publisherId: string,
  publicKey: string,
  nowMs: number,
): Promise<boolean> {
  const revoked = await db
    .update(marketPublisherKeys)
    .set({ revokedAt: nowMs })
    .where(
      and(
        eq(marketPublisherKeys.publicKey, publicKey),
        eq(marketPublisherKeys.publisherId, publisherId),
        isNull(marketPublisherKeys.revokedAt),
      ),
    )
    .returning({ publicKey: marketPublisherKeys.publicKey });
  return revoked.length > 0;
}
