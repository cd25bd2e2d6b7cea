import type { Account } from "../env.ts";
import { ExpiringCache } from "./expiring-cache.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

/** What this isolate has looked up, by the key's hash; `null` is a key that is not good. */
export const keyCache = new ExpiringCache<Account | null>(CREDENTIAL_LIMITS.keyCacheEntries);
