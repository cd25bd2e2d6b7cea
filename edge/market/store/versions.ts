import { and, asc, count, desc, eq, gte, inArray, lt, ne, or, sql } from "drizzle-orm";
import { stateAfter, statesBefore, type VersionEvent, type VersionState } from "../../../shared/market/states.ts";
import { readPluginName } from "../../../shared/plugin/name.ts";
import type { Database } from "../../store/database.ts";
import { marketFindings, marketNamespaces, marketPlugins, marketVersions } from "./schema.ts";

export type Plugin = typeof marketPlugins.$inferSelect;
export type Version = typeof marketVersions.$inferSelect;
export type Finding = Omit<typeof marketFindings.$inferInsert, "id" | "versionId">;

export async function findPlugin(db: Database, namespace: string, name: string): Promise<Plugin | undefined> {
  const [found] = await db
    .select()
    .from(marketPlugins)
    .where(and(eq(marketPlugins.namespace, namespace), eq(marketPlugins.name, name)))
    .limit(1);
  return found;
}

/** The plugin of that name, made if there is none. What it says of itself counts once a version is published. */
export async function putPlugin(
  db: Database,
  plugin: Pick<
    Plugin,
    "namespace" | "name" | "kind" | "titleEn" | "titleZh" | "descriptionEn" | "descriptionZh" | "createdAt"
  >,
): Promise<Plugin> {
  await db
    .insert(marketPlugins)
    .values({ ...plugin, updatedAt: plugin.createdAt })
    .onConflictDoNothing();
  const found = await findPlugin(db, plugin.namespace, plugin.name);
  if (found === undefined) throw new Error("The database did not return the row it wrote.");
  return found;
}

/**
 * Keeps a draft; another draft of the same number gives way. False where the number was handed in already, or the publisher has
 * `atMost` drafts.
 */
export async function putDraft(
  db: Database,
  draft: Pick<
    Version,
    "id" | "pluginSeq" | "version" | "hash" | "sha256" | "bytes" | "manifest" | "signature" | "readme" | "submittedBy"
  > & { createdAt: number },
): Promise<boolean> {
  const { id, createdAt, ...rest } = draft;
  const row = { ...rest, createdAt, state: "draft" as const, stateAt: createdAt };
  const kept = await db
    .insert(marketVersions)
    .values({ id, ...row })
    .onConflictDoUpdate({
      target: [marketVersions.pluginSeq, marketVersions.version],
      set: { id, ...row },
      setWhere: eq(marketVersions.state, "draft"),
    })
    .returning({ id: marketVersions.id });
  return kept.length > 0;
}

/** How many versions of a publisher are in these states. */
export async function countVersions(
  db: Database,
  publisherId: string,
  states: readonly VersionState[],
): Promise<number> {
  const [row] = await db
    .select({ n: count() })
    .from(marketVersions)
    .innerJoin(marketPlugins, eq(marketPlugins.seq, marketVersions.pluginSeq))
    .innerJoin(marketNamespaces, eq(marketNamespaces.namespace, marketPlugins.namespace))
    .where(and(eq(marketNamespaces.publisherId, publisherId), inArray(marketVersions.state, [...states])));
  return row?.n ?? 0;
}

/** A version with its plugin, and whose it is. */
export interface VersionOf {
  version: Version;
  plugin: Plugin;
  publisherId: string;
}

const versionOf = { version: marketVersions, plugin: marketPlugins, publisherId: marketNamespaces.publisherId };

function versionsWithPlugins(db: Database) {
  return db
    .select(versionOf)
    .from(marketVersions)
    .innerJoin(marketPlugins, eq(marketPlugins.seq, marketVersions.pluginSeq))
    .innerJoin(marketNamespaces, eq(marketNamespaces.namespace, marketPlugins.namespace));
}

export async function findVersion(db: Database, id: string): Promise<VersionOf | undefined> {
  const [found] = await versionsWithPlugins(db).where(eq(marketVersions.id, id)).limit(1);
  return found;
}

/** Versions of one plugin, the newest first. */
export async function listVersions(db: Database, pluginSeq: number): Promise<Version[]> {
  return await db
    .select()
    .from(marketVersions)
    .where(eq(marketVersions.pluginSeq, pluginSeq))
    .orderBy(desc(marketVersions.createdAt), desc(marketVersions.id));
}

/** All of a publisher's versions, the newest first. */
export async function listPublisherVersions(db: Database, publisherId: string, limit: number): Promise<VersionOf[]> {
  return await versionsWithPlugins(db)
    .where(eq(marketNamespaces.publisherId, publisherId))
    .orderBy(desc(marketVersions.createdAt), desc(marketVersions.id))
    .limit(limit);
}

/** All versions of a plugin that was handed in at some time, by its name (`@namespace/name`), the newest first. */
export async function listVersionsOf(db: Database, plugin: string, limit: number): Promise<VersionOf[]> {
  const named = readPluginName(plugin);
  if (named === undefined) return [];
  const { publisher, name } = named;
  return await versionsWithPlugins(db)
    .where(and(eq(marketPlugins.namespace, publisher), eq(marketPlugins.name, name), ne(marketVersions.state, "draft")))
    .orderBy(desc(marketVersions.createdAt), desc(marketVersions.id))
    .limit(limit);
}

/** Versions in a state, the longest waiting first. */
export async function listVersionsIn(
  db: Database,
  states: readonly VersionState[],
  limit: number,
): Promise<VersionOf[]> {
  return await versionsWithPlugins(db)
    .where(inArray(marketVersions.state, [...states]))
    .orderBy(asc(marketVersions.stateAt), asc(marketVersions.id))
    .limit(limit);
}

/** The version that a new one is compared with: the last one published before, if any is or was. */
export async function versionBefore(db: Database, pluginSeq: number, id: string): Promise<Version | undefined> {
  const [found] = await db
    .select()
    .from(marketVersions)
    .where(
      and(
        eq(marketVersions.pluginSeq, pluginSeq),
        ne(marketVersions.id, id),
        inArray(marketVersions.state, ["published", "yanked"]),
      ),
    )
    .orderBy(desc(marketVersions.publishedAt))
    .limit(1);
  return found;
}

/** Lets an event happen to a version, if it can. One statement: of two events at once one finds the state it needs. */
export async function moveVersion(
  db: Database,
  id: string,
  event: VersionEvent,
  change: { nowMs: number } & Partial<
    Pick<Version, "words" | "official" | "publishedAt" | "claimedBy" | "claimedUntil">
  >,
): Promise<Version | undefined> {
  const { nowMs, ...set } = change;
  const before = statesBefore(event);
  const cases = before.map((state) => sql`WHEN ${state} THEN ${stateAfter(state, event) ?? state}`);
  const [moved] = await db
    .update(marketVersions)
    .set({ ...set, state: sql`CASE ${marketVersions.state} ${sql.join(cases, sql` `)} END`, stateAt: nowMs })
    .where(and(eq(marketVersions.id, id), inArray(marketVersions.state, before)))
    .returning();
  return moved;
}

/** Versions of which the signed metadata says something else than is so. */
export async function unsignedVersions(db: Database, limit: number): Promise<VersionOf[]> {
  const { state, signedState } = marketVersions;
  const wanted = sql`CASE WHEN ${state} IN ('published', 'yanked') THEN ${state} END`;
  return await versionsWithPlugins(db)
    // What runs must stop before anything new comes: the revoked first.
    .where(sql`${wanted} IS NOT ${signedState}`)
    .orderBy(desc(sql`${wanted} IS NULL`), asc(marketVersions.stateAt))
    .limit(limit);
}

/** Counts a try of the checks. Returns how many there were. */
export async function countTry(db: Database, id: string): Promise<number> {
  const [row] = await db
    .update(marketVersions)
    .set({ tries: sql`${marketVersions.tries} + 1` })
    .where(eq(marketVersions.id, id))
    .returning({ tries: marketVersions.tries });
  return row?.tries ?? 0;
}

/** Takes a version onto a reviewer's desk, unless it is on another's. */
export async function claimVersion(
  db: Database,
  id: string,
  claim: { reviewerId: string; until: number },
  nowMs: number,
): Promise<boolean> {
  const free = or(
    sql`${marketVersions.claimedBy} IS NULL`,
    eq(marketVersions.claimedBy, claim.reviewerId),
    lt(marketVersions.claimedUntil, nowMs),
  );
  const claimed = await db
    .update(marketVersions)
    .set({ claimedBy: claim.reviewerId, claimedUntil: claim.until })
    .where(and(eq(marketVersions.id, id), inArray(marketVersions.state, ["in_review", "quarantined"]), free))
    .returning({ id: marketVersions.id });
  return claimed.length > 0;
}

export async function removeDraft(db: Database, id: string): Promise<Version | undefined> {
  const [removed] = await db
    .delete(marketVersions)
    .where(and(eq(marketVersions.id, id), eq(marketVersions.state, "draft")))
    .returning();
  return removed;
}

/** The version of this package that is, or was, everybody's. */
export async function findPublicVersion(db: Database, hash: string): Promise<Version | undefined> {
  const [found] = await db
    .select()
    .from(marketVersions)
    .where(and(eq(marketVersions.hash, hash), inArray(marketVersions.state, ["published", "yanked", "revoked"])))
    .limit(1);
  return found?.signedState === null && found.state !== "revoked" ? undefined : found;
}

/** Puts findings in the place of those that an earlier try wrote. */
export async function putFindings(db: Database, versionId: string, findings: readonly Finding[]): Promise<void> {
  const rows = findings.map((finding) => db.insert(marketFindings).values({ ...finding, versionId }));
  await db.batch([db.delete(marketFindings).where(eq(marketFindings.versionId, versionId)), ...rows]);
}

export async function listFindings(db: Database, versionId: string) {
  return await db
    .select()
    .from(marketFindings)
    .where(eq(marketFindings.versionId, versionId))
    .orderBy(asc(marketFindings.id));
}

/** A version that may be installed: published, or yanked and asked for by its number. */
export async function findOffered(
  db: Database,
  wanted: { publisher: string; name: string; version: string },
): Promise<Version | undefined> {
  const [found] = await db
    .select({ version: marketVersions })
    .from(marketVersions)
    .innerJoin(marketPlugins, eq(marketPlugins.seq, marketVersions.pluginSeq))
    .where(
      and(
        eq(marketPlugins.namespace, wanted.publisher),
        eq(marketPlugins.name, wanted.name),
        eq(marketVersions.version, wanted.version),
        inArray(marketVersions.signedState, ["published", "yanked"]),
        inArray(marketVersions.state, ["published", "yanked"]),
      ),
    )
    .limit(1);
  return found?.version;
}

/** Versions that were rejected between two moments. */
export async function rejectedBetween(db: Database, fromMs: number, untilMs: number, limit: number): Promise<string[]> {
  const { id, state, stateAt } = marketVersions;
  const rows = await db
    .select({ id })
    .from(marketVersions)
    .where(and(eq(state, "rejected"), gte(stateAt, fromMs), lt(stateAt, untilMs)))
    .orderBy(asc(stateAt))
    .limit(limit);
  return rows.map((row) => row.id);
}
