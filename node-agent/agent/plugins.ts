import { guardedFetch } from "../edge/guarded-fetch.ts";
import { PackageCache } from "../plugins/package-cache.ts";
import { PluginSandbox } from "../plugins/sandbox.ts";
import type { PluginHost } from "../plugins/serve-plugin.ts";

/** What runs plugins' tools on this machine, if it is to. No process starts before the first call. */
export function openPlugins(folder: string | undefined): { host: PluginHost; stop(): Promise<void> } | undefined {
  if (folder === undefined) return undefined;
  const sandbox = new PluginSandbox();
  return {
    // No host of one's own network: what a plugin reaches, anybody may.
    host: { sandbox, packages: new PackageCache(folder), guardedFetch: guardedFetch({ allowed: [] }) },
    stop: async () => await sandbox.stop(),
  };
}
