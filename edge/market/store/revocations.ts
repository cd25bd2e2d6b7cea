import { asc, inArray } from "drizzle-orm";
import type { Revocation } from "../../../shared/market/revocations.ts";
import type { Database } from "../../store/database.ts";
import { marketRevocations } from "./schema.ts";

/** In one order, so that the same ones give the same file. */
export async function listRevocations(db: Database): Promise<Revocation[]> {
  return await db.select().from(marketRevocations).orderBy(asc(marketRevocations.hash));
}

/** Of these packages those that were taken back. */
export async function revokedAmong(db: Database, hashes: readonly string[]): Promise<Revocation[]> {
  if (hashes.length === 0) return [];
  return await db
    .select()
    .from(marketRevocations)
    .where(inArray(marketRevocations.hash, [...hashes]));
}

export async function putRevocation(db: Database, revocation: Revocation): Promise<void> {
  await db.insert(marketRevocations).values(revocation).onConflictDoNothing();
}

/** Puts the list of the followed market in the place of what was known. */
export async function replaceRevocations(db: Database, revocations: readonly Revocation[]): Promise<void> {
  const rows = revocations.map((revocation) => db.insert(marketRevocations).values(revocation).onConflictDoNothing());
  await db.batch([db.delete(marketRevocations), ...rows]);
}
