import { and, eq, inArray, lt, notExists, or, isNotNull, sql } from "drizzle-orm";
import { PorchlightError } from "../../../shared/errors.ts";
import type { Database } from "../../store/database.ts";
import { packageName } from "../packages.ts";
import { pluginPackageHolds, pluginPackages } from "./packages-schema.ts";
import { marketVersions } from "./schema.ts";

/** What was sent stays so long without a holder: time to read what one agrees to, and to think about it. */
export const UNHELD_MS = 48 * 3600_000;
/** Collected at a time. */
const MOST_AT_ONCE = 100;
/** As many parameters as a statement of D1 takes, with some left. */
const CHUNK = 90;

/** Somebody is about to put a package into the bucket, or to use it. Throws PorchlightError `overloaded` while it is being deleted. */
export async function touchPackage(db: Database, hash: string, nowMs: number): Promise<void> {
  const touched = await db.batch([touch(db, hash, nowMs)]);
  if (touched[0].length === 0)
    throw new PorchlightError("overloaded", "This package is being forgotten at this moment. Send it again.");
}

/**
 * A household takes hold of a package: from then on it stays. Whoever calls it looks afterwards whether the package is there. Throws
 * PorchlightError `overloaded` while it is being deleted.
 */
export async function holdPackage(db: Database, hash: string, home: string, nowMs: number): Promise<void> {
  const hold = db.insert(pluginPackageHolds).values({ hash, home }).onConflictDoNothing();
  const [touched] = await db.batch([touch(db, hash, nowMs), hold]);
  // The hold that was written saves nothing: the next look at all holds takes it away.
  if (touched.length === 0)
    throw new PorchlightError("overloaded", "This package is being forgotten at this moment. Send it again.");
}

/** Brings a household's holds to what it has. `hashesNow` is asked last: what was installed meanwhile is among it. */
export async function syncHolds(db: Database, home: string, hashesNow: () => readonly string[]): Promise<void> {
  const rows = await db
    .select({ hash: pluginPackageHolds.hash })
    .from(pluginPackageHolds)
    .where(eq(pluginPackageHolds.home, home));
  const held = new Set(rows.map(({ hash }) => hash));
  const wanted = new Set(hashesNow());
  const gone = [...held].filter((hash) => !wanted.has(hash));
  const fresh = [...wanted].filter((hash) => !held.has(hash));
  for (let at = 0; at < gone.length; at += CHUNK) {
    const chunk = inArray(pluginPackageHolds.hash, gone.slice(at, at + CHUNK));
    await db.delete(pluginPackageHolds).where(and(eq(pluginPackageHolds.home, home), chunk));
  }
  for (const hash of fresh) await db.insert(pluginPackageHolds).values({ hash, home }).onConflictDoNothing();
}

/**
 * Deletes the packages that nobody holds and no market offers or offered, long after they were sent. In two steps: what is marked can be
 * held no more, and only then it goes from the bucket; what was marked before a crash goes now. Never beside the signing of the
 * catalogue, which puts packages there. Returns how many went.
 */
export async function collectPackages(db: Database, packages: R2Bucket, nowMs: number): Promise<number> {
  const { hash, touchedAt, collecting } = pluginPackages;
  const holder = db.select({ one: sql`1` }).from(pluginPackageHolds).where(eq(pluginPackageHolds.hash, hash));
  const { state, signedState } = marketVersions;
  const isOffered = or(inArray(state, ["published", "yanked", "revoked"]), isNotNull(signedState));
  const version = db
    .select({ one: sql`1` })
    .from(marketVersions)
    .where(and(eq(marketVersions.hash, hash), isOffered));
  const idle = db
    .select({ hash })
    .from(pluginPackages)
    .where(and(lt(touchedAt, nowMs - UNHELD_MS), notExists(holder), notExists(version)))
    .orderBy(touchedAt)
    .limit(MOST_AT_ONCE);
  await db.update(pluginPackages).set({ collecting: true }).where(inArray(hash, idle));
  const marked = await db.select({ hash }).from(pluginPackages).where(eq(collecting, true)).limit(MOST_AT_ONCE);
  if (marked.length === 0) return 0;
  await packages.delete(marked.map((row) => packageName(row.hash)));
  for (let at = 0; at < marked.length; at += CHUNK) {
    const chunk = marked.slice(at, at + CHUNK).map((row) => row.hash);
    await db.delete(pluginPackages).where(and(inArray(hash, chunk), eq(collecting, true)));
  }
  return marked.length;
}

function touch(db: Database, hash: string, nowMs: number) {
  return db
    .insert(pluginPackages)
    .values({ hash, touchedAt: nowMs })
    .onConflictDoUpdate({
      target: pluginPackages.hash,
      set: { touchedAt: nowMs },
      setWhere: eq(pluginPackages.collecting, false),
    })
    .returning({ hash: pluginPackages.hash });
}
