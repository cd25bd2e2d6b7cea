import { ExpiringCache } from "../credentials/expiring-cache.ts";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import type { Account } from "../env.ts";

/** Access tokens that this isolate has found good, by their hash. */
export const tokenCache = new ExpiringCache<{ account: Account; resource: string }>(CREDENTIAL_LIMITS.keyCacheEntries);
