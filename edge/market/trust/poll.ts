import { PorchlightError } from "../../../shared/errors.ts";
import { fetchPlugin, fetchRevocations, openMarketClient, targetPath } from "../../../shared/market/follow.ts";
import type { TrustClient, TrustStore } from "../../../shared/market/tuf/client.ts";
import { fetchVersions, type ListedVersion } from "../../../shared/market/version-list.ts";
import type { PluginName } from "../../../shared/plugin/name.ts";
import { readBytesOf } from "../followed-bytes.ts";
import type { Database } from "../../store/database.ts";
import { touchPackage } from "../store/package-holds.ts";
import { packageName } from "../packages.ts";
import { replaceRevocations } from "../store/revocations.ts";

/** Follows the market at `origin`: what it took back runs here no more. Throws PorchlightError `market_...`. */
export async function pollMarket(db: Database, storage: DurableObjectStorage, origin: string): Promise<void> {
  const client = await clientOf(storage, origin);
  await replaceRevocations(db, await fetchRevocations(client));
}

/** What the market at `origin` offers of each of these. Throws PorchlightError `market_...`: then nothing of it is used. */
export async function followedVersions(
  storage: DurableObjectStorage,
  origin: string,
  plugins: readonly PluginName[],
): Promise<ListedVersion[][]> {
  const client = await clientOf(storage, origin);
  const lists: ListedVersion[][] = [];
  for (const plugin of plugins) lists.push(await fetchVersions(client, plugin));
  return lists;
}

/**
 * Fetches a plugin from the market at `origin` into the bucket, held to its signatures. Returns the package's hash. `unlessYanked`: as
 * an update, which a yanked version never is.
 */
export async function obtainPlugin(
  db: Database,
  packages: R2Bucket,
  storage: DurableObjectStorage,
  origin: string,
  wanted: { publisher: string; name: string; version: string; unlessYanked?: boolean },
): Promise<string> {
  const client = await clientOf(storage, origin);
  const target = await client.target(targetPath(wanted.publisher, wanted.name, wanted.version));
  if (wanted.unlessYanked === true && target?.custom?.["yanked"] === true) throw yankedError();
  const { bytes, hash } = await fetchPlugin(client, wanted);
  await touchPackage(db, hash, Date.now());
  await packages.put(packageName(hash), bytes);
  return hash;
}

/** Of a version that was an update a moment ago. */
export function yankedError(): PorchlightError {
  return new PorchlightError("not_found", "The publisher has withdrawn this version.");
}

async function clientOf(storage: DurableObjectStorage, origin: string): Promise<TrustClient> {
  return await openMarketClient({
    fetchMetadata: async (file, most) => await readBytesOf(origin, `/api/market/tuf/${file}`, most),
    fetchTarget: async (path, most) => await readBytesOf(origin, `/api/market/targets/${path}`, most),
    store: objectTrust(storage, origin),
    now: () => Date.now(),
  });
}

/** What is trusted of a market, in the object's storage: another market is another trust. */
function objectTrust(storage: DurableObjectStorage, origin: string): TrustStore {
  const keyOf = (name: string): string => `trust ${origin} ${name}`;
  return {
    get: async (name) => await storage.get<string>(keyOf(name)),
    set: async (entries) =>
      await storage.transaction(async (step) => {
        for (const [name, text] of Object.entries(entries)) {
          if (text === undefined) await step.delete(keyOf(name));
          else await step.put(keyOf(name), text);
        }
      }),
  };
}
