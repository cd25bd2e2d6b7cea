import type { HostPorts, KeyValues } from "../../shared/plugin/host/grants.ts";
import { guardedFetch } from "../edge/guarded-fetch.ts";

/**
 * What a plugin is given while its developer tries it: the real guarded fetch, values in memory that are gone afterwards, and secrets from
 * the environment (PORCHLIGHT_SECRET_NAME). There is no model and there are no files.
 */
export function tryPorts({
  env = process.env,
  ...reports
}: Pick<HostPorts, "onLog" | "onProgress"> & { env?: NodeJS.ProcessEnv }): HostPorts {
  return {
    guardedFetch: guardedFetch({ allowed: [] }),
    storage: memoryValues(),
    secret: async (name) => await Promise.resolve(env[`PORCHLIGHT_SECRET_${name}`]),
    ...reports,
  };
}

function memoryValues(): KeyValues {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  const used = (): number => [...values].reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return {
    get: async (key) => await Promise.resolve(values.get(key)),
    set: async (key, value, quotaBytes) => {
      const former = values.get(key);
      values.set(key, value);
      if (used() <= quotaBytes) return await Promise.resolve();
      if (former === undefined) values.delete(key);
      else values.set(key, former);
      throw new RangeError("The plugin has used up its storage.");
    },
    delete: async (key) => {
      values.delete(key);
      await Promise.resolve();
    },
    list: async (prefix) =>
      await Promise.resolve(
        [...values.keys()].filter((key) => key.startsWith(prefix)).toSorted((a, b) => (a < b ? -1 : 1)),
      ),
  };
}
