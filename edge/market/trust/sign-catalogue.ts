import { targetPath } from "../../../shared/market/follow.ts";
import { sha256Of } from "../../../shared/market/checks/check-package.ts";
import { REVOCATIONS_PATH } from "../../../shared/market/revocations.ts";
import type { Target, Targets } from "../../../shared/market/tuf/metadata.ts";
import { versionsPath } from "../../../shared/market/version-list.ts";
import { parseManifest } from "../../../shared/plugin/package.ts";
import type { Database } from "../../store/database.ts";
import { packageName, submissionName } from "../packages.ts";
import { currentMetadata, metadataBody, purgeMetadata, replaceMetadata } from "../store/metadata.ts";
import { listPlugin, setSigned } from "../store/listing.ts";
import { listRevocations } from "../store/revocations.ts";
import { versionListBody } from "../store/version-list.ts";
import { unsignedVersions, type VersionOf } from "../store/versions.ts";
import type { OnlineKeys } from "./keys.ts";
import { LIVES, MOST_AT_ONCE } from "./lives.ts";
import { MetadataSet, ownTarget, readTargets } from "./metadata-set.ts";
import { binOf } from "./targets.ts";

export interface SignOptions {
  db: Database;
  packages: R2Bucket;
  keys: OnlineKeys;
  nowMs: number;
}

/**
 * Brings the signed metadata, the catalogue and the public packages to what was decided, all in one transaction: what the one names,
 * the others have. Signs anew what nears its end. Only the Market object calls it: versions of metadata never fork. Returns whether
 * there is more to do.
 */
export async function signCatalogue({ db, packages, keys, nowMs }: SignOptions): Promise<boolean> {
  const changed = await unsignedVersions(db, MOST_AT_ONCE);
  for (const one of changed) if (one.version.state === "published") await publishPackage(packages, one);
  const set = new MetadataSet(await currentMetadata(db), keys, nowMs);
  const binsBefore = set.bins.length;
  await putBins(db, set, changed);
  await putTop(db, set, binsBefore);
  await set.putSnapshot();
  await set.putTimestamp();
  if (set.written.length === 0 && changed.length === 0) return false;
  const seqs = [...new Set(changed.map(({ plugin }) => plugin.seq))];
  const ids = changed.map(({ version }) => version.id);
  const lists = await Promise.all(seqs.map(async (seq) => await listPlugin(db, seq, ids, nowMs)));
  const signed = changed.map(({ version }) => setSigned(db, version));
  const [first, ...rest] = [...replaceMetadata(db, set.written, nowMs), ...signed, ...lists.flat()];
  if (first !== undefined) await db.batch([first, ...rest]);
  // Named by now: where they waited they are needed no more.
  const published = changed.filter(({ version }) => version.state === "published");
  await packages.delete(published.map(({ version }) => submissionName(version.id)));
  await purgeMetadata(db, nowMs - LIVES.keptMs);
  return changed.length === MOST_AT_ONCE || set.bins.some((bin) => set.isDue(bin));
}

/** From where it waited to where everybody finds it. Again and again, if need be. */
async function publishPackage(packages: R2Bucket, { version }: VersionOf): Promise<void> {
  const waiting = await packages.get(submissionName(version.id));
  if (waiting === null) return; // moved by a try before this one, or yanked and back
  await packages.put(packageName(version.hash), await waiting.arrayBuffer(), { sha256: version.sha256 });
}

async function putBins(db: Database, set: MetadataSet, changed: readonly VersionOf[]): Promise<void> {
  const changes = new Map<string, [string, Target | undefined][]>();
  const packages = changed.map((one): [string, Target | undefined] => [
    targetPath(one.plugin.namespace, one.plugin.name, one.version.version),
    targetOf(one),
  ]);
  for (const [path, target] of [...packages, ...(await versionLists(db, changed))]) {
    const { name } = await binOf(path);
    changes.set(name, [...(changes.get(name) ?? []), [path, target]]);
  }
  const due = set.bins.filter((bin) => set.isDue(bin) && !changes.has(bin)).slice(0, MOST_AT_ONCE);
  for (const name of [...changes.keys(), ...due]) {
    const head = set.head(name);
    const targets = readTargets(head === undefined ? undefined : await metadataBody(db, head.file));
    for (const [path, target] of changes.get(name) ?? []) {
      delete targets[path];
      if (target !== undefined) targets[path] = target;
    }
    await set.putTargets(name, { targets });
  }
}

/** The lists of versions that are others now. Their bodies are made again for whoever asks: see `versionListBody`. */
async function versionLists(db: Database, changed: readonly VersionOf[]): Promise<[string, Target | undefined][]> {
  const plugins = new Map(changed.map(({ plugin }) => [plugin.seq, plugin]));
  return await Promise.all(
    [...plugins.values()].map(async ({ namespace, name }): Promise<[string, Target | undefined]> => {
      const plugin = { publisher: namespace, name };
      const { body, isEmpty } = await versionListBody(db, plugin, changed);
      const utf8 = new TextEncoder().encode(body);
      const target = { length: utf8.length, hashes: { sha256: await sha256Of(utf8) } };
      return [versionsPath(plugin), isEmpty ? undefined : target];
    }),
  );
}

/** What the metadata says of a version; undefined: nothing any more. */
function targetOf({ version, publisherId }: VersionOf): Target | undefined {
  if (version.state !== "published" && version.state !== "yanked") return undefined;
  const { name } = parseManifest(JSON.parse(version.manifest));
  const custom = { package: version.hash, name, version: version.version, publisher: publisherId };
  return {
    length: version.bytes,
    hashes: { sha256: version.sha256 },
    custom: version.state === "yanked" ? { ...custom, yanked: true } : custom,
  };
}

/** The market's own targets: the revocations, and who names the rest. */
async function putTop(db: Database, set: MetadataSet, binsBefore: number): Promise<void> {
  const head = set.head("targets");
  const before = readTargets(head === undefined ? undefined : await metadataBody(db, head.file))[REVOCATIONS_PATH];
  const body = JSON.stringify({ revocations: await listRevocations(db) });
  const { target, row } = await ownTarget(REVOCATIONS_PATH, "revocations", body);
  const isNew = before?.hashes.sha256 !== target.hashes.sha256;
  if (!isNew && set.bins.length === binsBefore && !set.isDue("targets")) return;
  if (isNew) set.add(row);
  await set.putTargets("targets", { targets: { [REVOCATIONS_PATH]: target }, delegations: delegations(set) });
}

function delegations(set: MetadataSet): NonNullable<Targets["delegations"]> {
  const { keyid, key } = set.keys.targets;
  return {
    keys: { [keyid]: key },
    roles: set.bins.toSorted().map((name) => ({
      name,
      keyids: [keyid],
      threshold: 1,
      terminating: true,
      path_hash_prefixes: [name.slice("bin-".length)],
    })),
  };
}
