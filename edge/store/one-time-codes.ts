import { and, eq, gt } from "drizzle-orm";
import type { Database } from "./database.ts";
import { oneTimeCodes } from "./schema.ts";
import { isStillOwner } from "./users.ts";

export type CodeKind = (typeof oneTimeCodes.$inferSelect)["kind"];

export async function putCode(db: Database, code: typeof oneTimeCodes.$inferInsert): Promise<void> {
  await db.insert(oneTimeCodes).values(code);
}

/** Uses a code up: of several at once one gets whose it is, the others undefined. It is worth nothing once its maker is no owner. */
export async function takeCode(db: Database, hash: string, kind: CodeKind, nowMs: number) {
  const [taken] = await db
    .delete(oneTimeCodes)
    .where(
      and(
        eq(oneTimeCodes.hash, hash),
        eq(oneTimeCodes.kind, kind),
        gt(oneTimeCodes.expiresAt, nowMs),
        isStillOwner(oneTimeCodes.userId),
      ),
    )
    .returning({ accountId: oneTimeCodes.accountId, userId: oneTimeCodes.userId });
  return taken;
}
