import type { KeyValues } from "../../shared/plugin/host/grants.ts";

/** A plugin's values in memory, with the quota that a host keeps. */
export function memoryKeyValues(): KeyValues & { values: Map<string, Uint8Array<ArrayBuffer>> } {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    values,
    get: async (key) => values.get(key),
    async set(key, value, quotaBytes) {
      const others = [...values]
        .filter(([name]) => name !== key)
        .reduce((sum, [name, own]) => sum + name.length + own.length, 0);
      if (others + key.length + value.length > quotaBytes) throw new RangeError("The plugin's storage is full.");
      values.set(key, value);
    },
    async delete(key) {
      values.delete(key);
    },
    list: async (prefix) =>
      [...values.keys()]
        .filter((key) => key.startsWith(prefix))
        .toSorted()
        .slice(0, 1_000),
  };
}
