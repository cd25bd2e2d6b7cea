import { and, eq, inArray, or } from "drizzle-orm";
import type { z } from "zod";
import {
  type ListedVersion,
  MOST_LISTED_VERSIONS,
  type versionListSchema,
} from "../../../shared/market/version-list.ts";
import type { PluginName } from "../../../shared/plugin/name.ts";
import { compareVersions } from "../../../shared/plugin/version-order.ts";
import type { Database } from "../../store/database.ts";
import { marketPlugins, marketVersions } from "./schema.ts";
import type { VersionOf } from "./versions.ts";

/** The versions of a plugin that the signed metadata names, the newest first. */
export async function listedVersions(db: Database, plugin: PluginName): Promise<ListedVersion[]> {
  return listed(await versionsOf(db, plugin), []);
}

/** The list as a file: the same for the same versions. `changed`: what is being signed at this moment. */
export async function versionListBody(
  db: Database,
  plugin: PluginName,
  changed: readonly VersionOf[] = [],
): Promise<{ body: string; isEmpty: boolean }> {
  const versions = listed(
    await versionsOf(db, plugin),
    changed.map(({ version }) => version.id),
  );
  const list: z.infer<typeof versionListSchema> = { name: `@${plugin.publisher}/${plugin.name}`, versions };
  return { body: JSON.stringify(list), isEmpty: versions.length === 0 };
}

async function versionsOf(db: Database, { publisher, name }: PluginName) {
  const { id, version, hash, state, signedState } = marketVersions;
  return await db
    .select({ id, version, hash, state, signedState })
    .from(marketVersions)
    .innerJoin(marketPlugins, eq(marketPlugins.seq, marketVersions.pluginSeq))
    .where(
      and(
        eq(marketPlugins.namespace, publisher),
        eq(marketPlugins.name, name),
        or(inArray(state, ["published", "yanked"]), inArray(signedState, ["published", "yanked"])),
      ),
    );
}

/** Of what is being signed, as it was decided; of the rest, as it was signed last. */
function listed(rows: Awaited<ReturnType<typeof versionsOf>>, changed: readonly string[]): ListedVersion[] {
  return rows
    .flatMap(({ id, version, hash, state, signedState }): ListedVersion[] => {
      const is = changed.includes(id) ? state : signedState;
      if (is !== "published" && is !== "yanked") return [];
      return [{ version, package: hash, ...(is === "yanked" ? { yanked: true } : {}) }];
    })
    .toSorted((one, other) => compareVersions(other.version, one.version))
    .slice(0, MOST_LISTED_VERSIONS);
}
