import { PorchlightError } from "../../../../shared/errors.ts";
import type { ListedVersion } from "../../../../shared/market/version-list.ts";
import type { PluginPackage } from "../../../../shared/plugin/package.ts";
import { verifyManifest } from "../../../../shared/plugin/signature.ts";
import type { MarketPort } from "./market-port.ts";

/** A package with the key that signed it, in base64url. */
export type SignedPackage = PluginPackage & { signer: string };

/** A version's package, from the market, and what it should be. Throws PorchlightError. */
export async function obtainVersion(
  { market, read }: { market: Pick<MarketPort, "obtain">; read: (hash: string) => Promise<PluginPackage> },
  name: string,
  { version, package: hash }: ListedVersion,
): Promise<SignedPackage> {
  const obtained = await market.obtain(name, version);
  if (obtained !== hash) throw new PorchlightError("market_mix_and_match");
  const plugin = await read(hash);
  const { manifest, signature } = plugin;
  if (manifest.name !== name || manifest.version !== version)
    throw new PorchlightError("market_arbitrary_package", `What arrived is ${manifest.name} ${manifest.version}.`);
  if (signature === undefined || !(await verifyManifest(manifest, signature)))
    throw new PorchlightError("market_arbitrary_package", `${name} ${version} is not signed by its publisher.`);
  return { ...plugin, signer: signature.publicKey };
}
