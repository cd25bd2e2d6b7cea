import { inArray } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { marketBadHashes } from "./schema.ts";

/** Of the hashes those that are known to be bad. */
export async function badAmong(db: Database, hashes: readonly string[]): Promise<ReadonlySet<string>> {
  const bad = new Set<string>();
  // D1 takes a hundred parameters.
  for (let at = 0; at < hashes.length; at += 90) {
    const rows = await db
      .select({ sha256: marketBadHashes.sha256 })
      .from(marketBadHashes)
      .where(inArray(marketBadHashes.sha256, hashes.slice(at, at + 90)));
    for (const { sha256 } of rows) bad.add(sha256);
  }
  return bad;
}

/** Nothing with this hash is taken without a reviewer's look from now on. */
export async function addBadHashes(
  db: Database,
  hashes: readonly string[],
  words: string,
  nowMs: number,
): Promise<void> {
  for (const sha256 of hashes)
    await db.insert(marketBadHashes).values({ sha256, words, at: nowMs }).onConflictDoNothing();
}
