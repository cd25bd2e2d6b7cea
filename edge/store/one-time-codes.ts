import { and, eq, gt, lt } from "drizzle-orm";
import type { Database } from "./database.ts";
import { oneTimeCodes } from "./schema.ts";

export type CodeKind = (typeof oneTimeCodes.$inferSelect)["kind"];

/** Keeps a code, and throws away those that have expired. */
export async function putCode(db: Database, code: typeof oneTimeCodes.$inferInsert, nowMs: number): Promise<void> {
  await db.batch([
    db.delete(oneTimeCodes).where(lt(oneTimeCodes.expiresAt, nowMs)),
    db.insert(oneTimeCodes).values(code),
  ]);
}

/** Uses a code up: of several at once one gets the account, the others undefined. */
export async function takeCode(db: Database, hash: string, kind: CodeKind, nowMs: number): Promise<string | undefined> {
  const [taken] = await db
    .delete(oneTimeCodes)
    .where(and(eq(oneTimeCodes.hash, hash), eq(oneTimeCodes.kind, kind), gt(oneTimeCodes.expiresAt, nowMs)))
    .returning({ accountId: oneTimeCodes.accountId });
  return taken?.accountId;
}
