import { and, asc, count, eq, gte, lt } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { marketReviews } from "./schema.ts";

export type Review = typeof marketReviews.$inferSelect;

/**
 * Writes down what a reviewer decided. False where they decided since the version came to review: one word each. A word from before, of
 * a version that was in quarantine meanwhile, gives way.
 */
export async function putReview(db: Database, review: Review, sinceMs: number): Promise<boolean> {
  const { decision, words, at, reviewerName } = review;
  const put = await db
    .insert(marketReviews)
    .values(review)
    .onConflictDoUpdate({
      target: [marketReviews.versionId, marketReviews.reviewerId],
      set: { decision, words, at, reviewerName },
      setWhere: lt(marketReviews.at, sinceMs),
    })
    .returning({ at: marketReviews.at });
  return put.length > 0;
}

/** How many reviewers approved since the version came to review. */
export async function countApprovals(db: Database, versionId: string, sinceMs: number): Promise<number> {
  const { versionId: id, decision, at } = marketReviews;
  const [row] = await db
    .select({ n: count() })
    .from(marketReviews)
    .where(and(eq(id, versionId), eq(decision, "approve"), gte(at, sinceMs)));
  return row?.n ?? 0;
}

export async function listReviews(db: Database, versionId: string): Promise<Review[]> {
  return await db
    .select()
    .from(marketReviews)
    .where(eq(marketReviews.versionId, versionId))
    .orderBy(asc(marketReviews.at));
}
