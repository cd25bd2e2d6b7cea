import { fetchPlugin, fetchRevocations, openMarketClient } from "../../../shared/market/follow.ts";
import type { TrustClient, TrustStore } from "../../../shared/market/tuf/client.ts";
import { readBytesOf } from "../followed-bytes.ts";
import type { Database } from "../../store/database.ts";
import { packageName } from "../packages.ts";
import { replaceRevocations } from "../store/revocations.ts";

/** Follows the market at `origin`: what it took back runs here no more. Throws PorchlightError `market_...`. */
export async function pollMarket(db: Database, storage: DurableObjectStorage, origin: string): Promise<void> {
  const client = await clientOf(storage, origin);
  await replaceRevocations(db, await fetchRevocations(client));
}

/** Fetches a plugin from the market at `origin` into the bucket, held to its signatures. Returns the package's hash. */
export async function obtainPlugin(
  packages: R2Bucket,
  storage: DurableObjectStorage,
  origin: string,
  wanted: { publisher: string; name: string; version: string },
): Promise<string> {
  const { bytes, hash } = await fetchPlugin(await clientOf(storage, origin), wanted);
  await packages.put(packageName(hash), bytes);
  return hash;
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
