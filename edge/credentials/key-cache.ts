import type { Account } from "../env.ts";
import { ExpiringCache } from "./expiring-cache.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

/** Keys that this isolate has found good, by their hash. */
export const keyCache = new ExpiringCache<Account>(CREDENTIAL_LIMITS.keyCacheEntries);

/** Keys that it has not found: apart, so that whoever tries many drives no good one out. */
export const keyMissCache = new ExpiringCache<true>(CREDENTIAL_LIMITS.keyCacheEntries);
