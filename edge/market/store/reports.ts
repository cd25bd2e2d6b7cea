import { and, asc, countDistinct, eq, isNull } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { marketPlugins, marketReports } from "./schema.ts";

export type Report = typeof marketReports.$inferSelect;

/** Keeps a report; of one person there is one open at a time for a plugin, and the first counts. */
export async function putReport(db: Database, report: Omit<Report, "settledAt" | "settledBy">): Promise<void> {
  await db.insert(marketReports).values(report).onConflictDoNothing();
}

/** How many people have an open report of a plugin. */
export async function countReporters(db: Database, seq: number): Promise<number> {
  const [row] = await db
    .select({ n: countDistinct(marketReports.reporterId) })
    .from(marketReports)
    .where(and(eq(marketReports.pluginSeq, seq), isNull(marketReports.settledAt)));
  return row?.n ?? 0;
}

/** Open reports, the oldest first. */
export async function listReports(db: Database, limit: number) {
  return await db
    .select({ report: marketReports, plugin: marketPlugins })
    .from(marketReports)
    .innerJoin(marketPlugins, eq(marketPlugins.seq, marketReports.pluginSeq))
    .where(isNull(marketReports.settledAt))
    .orderBy(asc(marketReports.at), asc(marketReports.id))
    .limit(limit);
}

/** Settles all open reports of a plugin. */
export async function settleReports(db: Database, seq: number, by: string, nowMs: number): Promise<number> {
  const settled = await db
    .update(marketReports)
    .set({ settledAt: nowMs, settledBy: by })
    .where(and(eq(marketReports.pluginSeq, seq), isNull(marketReports.settledAt)))
    .returning({ id: marketReports.id });
  return settled.length;
}
