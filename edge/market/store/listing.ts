import { and, eq, sql } from "drizzle-orm";
import { compareVersions, isPrerelease } from "../../../shared/plugin/version-order.ts";
import { parseManifest } from "../../../shared/plugin/package.ts";
import { searchText } from "../../../shared/sessions/search-text.ts";
import { countAttempt } from "../../store/attempts.ts";
import type { Database } from "../../store/database.ts";
import { marketPlugins, marketVersions } from "./schema.ts";
import { marketSearch } from "./search-table.ts";
import type { Version } from "./versions.ts";

/** The statement that notes what the signed metadata says of a version. */
export function setSigned(db: Database, { id, state }: Version) {
  const signedState = state === "published" || state === "yanked" ? state : null;
  return db.update(marketVersions).set({ signedState }).where(eq(marketVersions.id, id));
}

/**
 * The statements that bring a plugin's entry in the catalogue up to its newest published version, among those that the metadata names
 * or is about to (`ids`). Without one it is not listed.
 */
export async function listPlugin(db: Database, seq: number, ids: readonly string[], nowMs: number) {
  const versions = await db
    .select()
    .from(marketVersions)
    .where(and(eq(marketVersions.pluginSeq, seq), eq(marketVersions.state, "published")));
  const latest = newest(versions.filter(({ id, signedState }) => signedState === "published" || ids.includes(id)));
  const [plugin] = await db.select().from(marketPlugins).where(eq(marketPlugins.seq, seq)).limit(1);
  if (plugin === undefined) return [];
  const drop = db.delete(marketSearch).where(eq(marketSearch.rowid, seq));
  if (latest === undefined) {
    const unlisted = { latestId: null, latestVersion: null, official: false, listed: false, updatedAt: nowMs };
    return [db.update(marketPlugins).set(unlisted).where(eq(marketPlugins.seq, seq)), drop];
  }
  const { name, kind, title, description } = parseManifest(JSON.parse(latest.manifest));
  const text = searchText([name.slice(1), title.en, title.zh, description.en, description.zh].join("\n"));
  const set = {
    kind,
    titleEn: title.en,
    titleZh: title.zh,
    descriptionEn: description.en,
    descriptionZh: description.zh,
    latestId: latest.id,
    latestVersion: latest.version,
    official: latest.official,
    listed: plugin.hiddenAt === null,
    updatedAt: latest.publishedAt ?? nowMs,
  };
  return [
    db.update(marketPlugins).set(set).where(eq(marketPlugins.seq, seq)),
    drop,
    db.insert(marketSearch).values({ rowid: seq, text }),
  ];
}

/** Shows a plugin in the catalogue again, or hides it. Its entry stays. */
export async function setHidden(db: Database, seq: number, hiddenAt: number | null): Promise<void> {
  const listed = hiddenAt === null ? sql`${marketPlugins.latestId} IS NOT NULL` : false;
  await db.update(marketPlugins).set({ hiddenAt, listed }).where(eq(marketPlugins.seq, seq));
}

/** The one that people get: the highest number that is no trial, or the highest trial where there is nothing else. */
function newest(versions: readonly Version[]): Version | undefined {
  const stable = versions.filter(({ version }) => !isPrerelease(version));
  const among = stable.length > 0 ? stable : versions;
  return among.toSorted((one, other) => compareVersions(other.version, one.version))[0];
}

const DAY_MS = 24 * 3600_000;

/** Counts an install, once a day for each installer: numbers that people go by are not to be had by asking often. */
export async function countInstall(db: Database, seq: number, installer: string, nowMs: number): Promise<void> {
  const { count } = await countAttempt(db, `install:${seq}:${installer}`, DAY_MS, nowMs);
  if (count > 1) return;
  await db
    .update(marketPlugins)
    .set({ installs: sql`${marketPlugins.installs} + 1` })
    .where(eq(marketPlugins.seq, seq));
}
