import { and, asc, count, eq } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { marketReviews } from "./schema.ts";

export type Review = typeof marketReviews.$inferSelect;

/** Writes down what a reviewer decided. False where they decided of this version before. */
export async function putReview(db: Database, review: Review): Promise<boolean> {
  const put = await db.insert(marketReviews).values(review).onConflictDoNothing().returning({ at: marketReviews.at });
  return put.length > 0;
}

/** How many reviewers approved. */
export async function countApprovals(db: Database, versionId: string): Promise<number> {
  const [row] = await db
    .select({ n: count() })
    .from(marketReviews)
    .where(and(eq(marketReviews.versionId, versionId), eq(marketReviews.decision, "approve")));
  return row?.n ?? 0;
}

export async function listReviews(db: Database, versionId: string): Promise<Review[]> {
  return await db
    .select()
    .from(marketReviews)
    .where(eq(marketReviews.versionId, versionId))
    .orderBy(asc(marketReviews.at));
}
