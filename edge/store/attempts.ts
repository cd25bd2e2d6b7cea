import { eq, sql } from "drizzle-orm";
import type { Database } from "./database.ts";
import { attempts } from "./schema.ts";

/** Counts a try in a bucket whose window starts with its first one. One statement: no two tries are counted as one. */
export async function countAttempt(db: Database, bucket: string, windowMs: number, nowMs: number) {
  const expired = sql`${attempts.expiresAt} <= ${nowMs}`;
  const [row] = await db
    .insert(attempts)
    .values({ bucket, count: 1, expiresAt: nowMs + windowMs })
    .onConflictDoUpdate({
      target: attempts.bucket,
      set: {
        count: sql`CASE WHEN ${expired} THEN 1 ELSE ${attempts.count} + 1 END`,
        expiresAt: sql`CASE WHEN ${expired} THEN ${nowMs + windowMs} ELSE ${attempts.expiresAt} END`,
      },
    })
    .returning({ count: attempts.count, expiresAt: attempts.expiresAt });
  if (!row) throw new Error("The database did not return the row it wrote.");
  return row;
}

/** Takes one try back. */
export async function forgiveAttempt(db: Database, bucket: string): Promise<void> {
  await db
    .update(attempts)
    .set({ count: sql`max(0, ${attempts.count} - 1)` })
    .where(eq(attempts.bucket, bucket));
}
