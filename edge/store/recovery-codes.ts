import { count, eq } from "drizzle-orm";
import type { Database } from "./database.ts";
import { recoveryCodes } from "./schema.ts";

/** Replaces all codes of a person by these. */
export async function replaceRecoveryCodes(
  db: Database,
  userId: string,
  hashes: string[],
  nowMs: number,
): Promise<void> {
  await db.batch([
    db.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId)),
    db.insert(recoveryCodes).values(hashes.map((hash) => ({ hash, userId, createdAt: nowMs }))),
  ]);
}

/** Uses a code up: of several at once one gets the person's id, the others undefined. */
export async function takeRecoveryCode(db: Database, hash: string): Promise<string | undefined> {
  const [taken] = await db
    .delete(recoveryCodes)
    .where(eq(recoveryCodes.hash, hash))
    .returning({ userId: recoveryCodes.userId });
  return taken?.userId;
}

/** How many a person has left. */
export async function countRecoveryCodes(db: Database, userId: string): Promise<number> {
  const [row] = await db.select({ n: count() }).from(recoveryCodes).where(eq(recoveryCodes.userId, userId));
  return row?.n ?? 0;
}
