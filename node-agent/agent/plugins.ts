import { guardedFetch } from "../edge/guarded-fetch.ts";
import { MarketFollower } from "../market/follower.ts";
import { PackageCache } from "../plugins/package-cache.ts";
import { PluginSandbox } from "../plugins/sandbox.ts";
import type { PluginHost } from "../plugins/serve-plugin.ts";

export interface PluginsOptions {
  /** Keeps packages; absent: this machine runs no plugins. */
  folder: string | undefined;
  /** Keeps what is trusted of the edge's market, and what that took back; absent: no market is asked. */
  marketFile: string | undefined;
  log: (line: string) => void;
}

export interface Plugins {
  host: PluginHost;
  /** From now on this edge, or the market it follows, says what was taken back. */
  follow(origin: string): Promise<void>;
  stop(): Promise<void>;
}

/** What runs plugins' tools on this machine, if it is to. No process starts before the first call. */
export function openPlugins({ folder, marketFile, log }: PluginsOptions): Plugins | undefined {
  if (folder === undefined) return undefined;
  let market: MarketFollower | undefined;
  const sandbox = new PluginSandbox({ revoked: { check: (hash) => market?.check(hash) } });
  return {
    // No host of one's own network: what a plugin reaches, anybody may.
    host: { sandbox, packages: new PackageCache(folder), guardedFetch: guardedFetch({ allowed: [] }) },
    follow: async (origin) => {
      if (marketFile === undefined) return;
      const before = market;
      market = await MarketFollower.start({ origin, file: marketFile, log });
      await before?.stop();
    },
    stop: async () => {
      await Promise.all([market?.stop(), sandbox.stop()]);
    },
  };
}
