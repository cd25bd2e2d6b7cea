import { PorchlightError } from "../errors.ts";
import { parseManifest, type PluginPackage, readPackage } from "../plugin/package.ts";
import { verifyManifest } from "../plugin/signature.ts";
import { REVOCATIONS_PATH, type Revocation, revocationListSchema } from "./revocations.ts";
import { TrustClient, type TrustOptions } from "./tuf/client.ts";
import { TUF_LIMITS } from "./tuf/limits.ts";
import { readRoot } from "./tuf/root.ts";

/**
 * A client of a market, the same at edge and home. The first root is taken from whoever is asked first, over https; from then on only
 * what it leads to. Throws PorchlightError `market_...` as TrustClient does.
 */
export async function openMarketClient(options: TrustOptions): Promise<TrustClient> {
  if ((await options.store.get("root")) === undefined) {
    const bytes = await options.fetchMetadata("1.root.json", TUF_LIMITS.rootBytes);
    if (bytes === undefined) throw new PorchlightError("market_not_ready", "There is no market at this address yet.");
    const text = new TextDecoder().decode(bytes);
    await readRoot(text, undefined);
    await options.store.set({ root: text });
  }
  const client = new TrustClient(options);
  await client.refresh();
  return client;
}

/** What the market took back. */
export async function fetchRevocations(client: TrustClient): Promise<Revocation[]> {
  const bytes = await client.download(REVOCATIONS_PATH);
  const parsed = revocationListSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  if (parsed.success) return parsed.data.revocations;
  throw new PorchlightError("market_unreadable", "The market's list of revocations is not one.");
}

/** The path of a version in the market's metadata. */
export function targetPath(publisher: string, name: string, version: string): string {
  return `${publisher}/${name}/${version}.tar`;
}

/**
 * A plugin from the market: the bytes that its metadata names, and what they hold is that plugin in that version, signed by its
 * publisher. Throws PorchlightError `market_arbitrary_package` or `plugin_invalid` otherwise.
 */
export async function fetchPlugin(
  client: TrustClient,
  wanted: { publisher: string; name: string; version: string },
): Promise<PluginPackage & { bytes: Uint8Array }> {
  const path = targetPath(wanted.publisher, wanted.name, wanted.version);
  const [bytes, target] = [await client.download(path), await client.target(path)];
  const plugin = await readPackage(bytes);
  const { manifest, signature, hash } = plugin;
  const { name, version } = parseManifest(manifest);
  const isIt =
    name === `@${wanted.publisher}/${wanted.name}` &&
    version === wanted.version &&
    target?.custom?.["package"] === hash;
  if (!isIt) throw new PorchlightError("market_arbitrary_package", `What arrived is ${name} ${version}.`);
  if (signature === undefined || !(await verifyManifest(manifest, signature)))
    throw new PorchlightError("market_arbitrary_package", `${name} ${version} is not signed by its publisher.`);
  return { ...plugin, bytes };
}
