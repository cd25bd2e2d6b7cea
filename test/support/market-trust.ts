import type { TrustStore } from "../../shared/market/tuf/client.ts";

/** What a client trusts, in memory. */
export function memoryTrust(kept: Map<string, string>): TrustStore {
  return {
    get: async (name) => kept.get(name),
    set: async (entries) => {
      for (const [name, text] of Object.entries(entries)) {
        if (text === undefined) kept.delete(name);
        else kept.set(name, text);
      }
    },
  };
}
