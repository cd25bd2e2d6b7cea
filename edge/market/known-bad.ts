import { and, eq, inArray, or, sql } from "drizzle-orm";
import type { Database } from "../store/database.ts";
import { addBadHashes } from "./store/bad-hashes.ts";
import { marketVersions } from "./store/schema.ts";
import { moveVersion } from "./store/versions.ts";

/** More at once is no discovery, but somebody else's list: it comes in several parts. */
export const MOST_HASHES = 50;

/**
 * From now on packages with these hashes (SHA-256, hex: of a package or of a file in one) are quarantined when they come in; those that
 * are published already are at once, until a reviewer has looked. Returns how many those were.
 */
export async function markBad(db: Database, hashes: readonly string[], words: string, nowMs: number): Promise<number> {
  await addBadHashes(db, hashes, words, nowMs);
  const holds = hashes.map((hash) => sql`instr(${marketVersions.manifest}, ${hash}) > 0`);
  const published = await db
    .select({ id: marketVersions.id })
    .from(marketVersions)
    .where(and(eq(marketVersions.state, "published"), or(inArray(marketVersions.hash, [...hashes]), ...holds)));
  for (const { id } of published) await moveVersion(db, id, "quarantine", { nowMs, words });
  return published.length;
}
