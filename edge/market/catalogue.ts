import { and, asc, count, desc, eq, inArray, sql } from "drizzle-orm";
import { z } from "zod";
import {
  type Catalogue,
  type CatalogueEntry as Entry,
  type CataloguePlugin,
  type CatalogueQuery,
  entrySchema,
} from "../../shared/market/catalogue.ts";
import { compareVersions } from "../../shared/plugin/version-order.ts";
import { parseManifest } from "../../shared/plugin/package.ts";
import { searchQuery } from "../../shared/sessions/search-text.ts";
import type { Database } from "../store/database.ts";
import { MARKET_LIMITS } from "./limits.ts";
import { marketNamespaces, marketPlugins, marketPublishers, marketVersions } from "./store/schema.ts";
import { marketSearch } from "./store/search-table.ts";

const ORDERS = {
  installs: [desc(marketPlugins.installs), asc(marketPlugins.titleEn)],
  updated: [desc(marketPlugins.updatedAt)],
  new: [desc(marketPlugins.createdAt)],
  name: [asc(marketPlugins.titleEn)],
} as const;
const { seq, namespace, name, kind, listed } = marketPlugins;

/** A page of the catalogue. What is typed is searched for in names, titles and descriptions, in both languages. */
export async function listCatalogue(db: Database, query: CatalogueQuery): Promise<Catalogue> {
  const match = query.query === "" ? undefined : searchQuery(query.query);
  // What was typed has no word in it: nothing can be found by it.
  if (query.query !== "" && match === undefined) return { plugins: [], total: 0, page: 1, pages: 0 };
  const fits = and(eq(listed, true), query.kind === undefined ? undefined : eq(kind, query.kind));
  const limit = MARKET_LIMITS.page;
  const offset = (query.page - 1) * limit;
  const order =
    query.sort === "relevance"
      ? match === undefined
        ? ORDERS.installs
        : [sql`market_search.rank`]
      : ORDERS[query.sort];
  const found = and(match === undefined ? undefined : sql`market_search MATCH ${match}`, fits);
  // The pages that are asked for first: rows by their place, then what they hold.
  const [rows, [all]] =
    match === undefined
      ? await db.batch([
          db
            .select({ seq })
            .from(marketPlugins)
            .where(found)
            .orderBy(...order, asc(seq))
            .limit(limit)
            .offset(offset),
          db.select({ n: count() }).from(marketPlugins).where(found),
        ])
      : await db.batch([
          db
            .select({ seq })
            .from(marketSearch)
            .innerJoin(marketPlugins, eq(seq, marketSearch.rowid))
            .where(found)
            .orderBy(...order, asc(seq))
            .limit(limit)
            .offset(offset),
          db
            .select({ n: count() })
            .from(marketSearch)
            .innerJoin(marketPlugins, eq(seq, marketSearch.rowid))
            .where(found),
        ]);
  const total = all?.n ?? 0;
  const entries = await entriesOf(
    db,
    rows.map((row) => row.seq),
  );
  return { plugins: entries, total, page: query.page, pages: Math.min(Math.ceil(total / limit), MARKET_LIMITS.pages) };
}

/** Everything that a plugin's page says; undefined where the catalogue has none of that name. */
export async function findInCatalogue(
  db: Database,
  of: { publisher: string; name: string },
): Promise<CataloguePlugin | undefined> {
  const [plugin] = await db
    .select()
    .from(marketPlugins)
    .where(and(eq(namespace, of.publisher), eq(name, of.name), eq(listed, true)))
    .limit(1);
  const [entry] = plugin === undefined ? [] : await entriesOf(db, [plugin.seq]);
  if (plugin === undefined || entry === undefined) return undefined;
  // All but what may be large.
  const { version, state, hash, sha256, bytes, words, publishedAt, stateAt } = marketVersions;
  const [versions, [latest]] = await db.batch([
    db
      .select({ version, state, hash, sha256, bytes, words, publishedAt, stateAt })
      .from(marketVersions)
      .where(and(eq(marketVersions.pluginSeq, plugin.seq), inArray(state, ["published", "yanked", "revoked"]))),
    db
      .select()
      .from(marketVersions)
      .where(eq(marketVersions.id, plugin.latestId ?? ""))
      .limit(1),
  ]);
  if (latest === undefined) return undefined;
  const sorted = versions.toSorted((one, other) => compareVersions(other.version, one.version));
  return {
    ...entry,
    hash: latest.hash,
    sha256: latest.sha256,
    bytes: latest.bytes,
    manifest: parseManifest(JSON.parse(latest.manifest)),
    readme: latest.readme,
    versions: sorted.map((one) => ({
      version: one.version,
      // By the query above.
      state: z.enum(["published", "yanked", "revoked"]).parse(one.state),
      hash: one.hash,
      sha256: one.sha256,
      bytes: one.bytes,
      words: one.state === "published" ? "" : one.words,
      publishedAt: iso(one.publishedAt ?? one.stateAt),
    })),
  };
}

/** Entries in the order of their rows. */
async function entriesOf(db: Database, seqs: readonly number[]): Promise<Entry[]> {
  if (seqs.length === 0) return [];
  const rows = await db
    .select({
      plugin: marketPlugins,
      publisher: marketPublishers.name,
      icon: ofManifest("icon"),
      price: ofManifest("price"),
    })
    .from(marketPlugins)
    .leftJoin(marketVersions, eq(marketVersions.id, marketPlugins.latestId))
    .innerJoin(marketNamespaces, eq(marketNamespaces.namespace, namespace))
    .innerJoin(marketPublishers, eq(marketPublishers.id, marketNamespaces.publisherId))
    .where(inArray(seq, [...seqs]));
  const bySeq = new Map(rows.map((row) => [row.plugin.seq, row]));
  return seqs.flatMap((one): Entry[] => {
    const row = bySeq.get(one);
    if (row === undefined) return [];
    const { plugin, publisher, icon, price } = row;
    return [
      entrySchema.parse({
        name: `@${plugin.namespace}/${plugin.name}`,
        version: plugin.latestVersion,
        title: { en: plugin.titleEn, zh: plugin.titleZh },
        description: { en: plugin.descriptionEn, zh: plugin.descriptionZh },
        kind: plugin.kind,
        publisher,
        official: plugin.official,
        installs: plugin.installs,
        icon: icon === null ? null : JSON.parse(icon),
        price: price === null ? null : JSON.parse(price),
        createdAt: iso(plugin.createdAt),
        updatedAt: iso(plugin.updatedAt),
      }),
    ];
  });
}

/** A member of the newest version's manifest, as JSON; null where there is none. */
function ofManifest(member: "icon" | "price") {
  return sql<string | null>`json_extract(${marketVersions.manifest}, ${`$.${member}`})`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
