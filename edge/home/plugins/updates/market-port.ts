import type { ListedVersion } from "../../../../shared/market/version-list.ts";
import { pluginNameOf } from "../../../../shared/plugin/name.ts";
import type { EdgeBindings } from "../../../env.ts";
import { marketOf } from "../../../market/market.ts";
import { revokedAmong } from "../../../market/store/revocations.ts";
import { database } from "../../../store/database.ts";
import { takeMade } from "../../made.ts";

/** The market as updates need it. All of it throws PorchlightError `market_...` where the market's metadata does not hold. */
export interface MarketPort {
  /** What is offered of each of these plugins, by its signed metadata. */
  versionsOf(names: readonly string[]): Promise<ListedVersion[][]>;
  /** Has a version's package in the bucket, unless it was withdrawn. Returns its hash. */
  obtain(name: string, version: string): Promise<string>;
  /** Of these packages those that were taken back. */
  revokedAmong(hashes: readonly string[]): Promise<ReadonlySet<string>>;
}

/** The market of this edge, or the one that it follows. */
export function marketPort(env: EdgeBindings): MarketPort {
  return {
    versionsOf: async (names) => takeMade(await marketOf(env).versionsOf(names.map(pluginNameOf))),
    obtain: async (name, version) =>
      takeMade(await marketOf(env).obtain({ ...pluginNameOf(name), version, unlessYanked: true })),
    revokedAmong: async (hashes) => {
      const chunks: string[][] = [];
      // As many parameters as a statement of D1 takes.
      for (let at = 0; at < hashes.length; at += 90) chunks.push(hashes.slice(at, at + 90));
      const found = await Promise.all(chunks.map(async (chunk) => await revokedAmong(database(env.DB), chunk)));
      return new Set(found.flat().map(({ hash }) => hash));
    },
  };
}
