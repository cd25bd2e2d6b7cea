import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { MOST_PACKAGE_BYTES } from "../../shared/plugin/limits.ts";
import { readPluginName } from "../../shared/plugin/name.ts";
import { readPackage } from "../../shared/plugin/package.ts";
import { askMarket, type MarketAccess } from "./market-api.ts";

const pluginSchema = z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/) });

/** The newest version of a plugin of the market, whole and with the hash that the catalogue names. Throws PorchlightError. */
export async function fetchPackage(access: MarketAccess, name: string): Promise<Uint8Array> {
  const named = readPluginName(name);
  if (named === undefined) throw new PorchlightError("not_found", "A plugin of the market is called '@who/name'.");
  const path = `/api/market/plugins/${named.publisher}/${named.name}`;
  const { hash } = await askMarket(access, path, { schema: pluginSchema, what: "find this plugin" });
  const response = await fetch(new URL(`/api/market/packages/${hash}`, access.origin), { redirect: "error" });
  if (!response.ok) throw new PorchlightError("not_found", `The market has no package of ${name} to give.`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > MOST_PACKAGE_BYTES || (await readPackage(bytes)).hash !== hash) {
    throw new PorchlightError(
      "plugin_invalid",
      `The market gave another package for ${name} than its catalogue names.`,
    );
  }
  return bytes;
}
