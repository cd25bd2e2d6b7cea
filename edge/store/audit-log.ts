import { and, desc, eq, lt } from "drizzle-orm";
import type { Database } from "./database.ts";
import { auditLog } from "./schema.ts";

export type AuditEntry = typeof auditLog.$inferSelect;

export async function putAuditEntry(db: Database, entry: typeof auditLog.$inferInsert): Promise<void> {
  await db.insert(auditLog).values(entry);
}

/** A household's events, the newest first, from before the entry `before` on. */
export async function listAuditEntries(
  db: Database,
  accountId: string,
  options: { before?: number | undefined; limit: number },
): Promise<AuditEntry[]> {
  const { before, limit } = options;
  const mine = eq(auditLog.accountId, accountId);
  return await db
    .select()
    .from(auditLog)
    .where(before === undefined ? mine : and(mine, lt(auditLog.id, before)))
    .orderBy(desc(auditLog.id))
    .limit(limit);
}
