import { revokedError } from "../../shared/market/revocations.ts";
import type { Database } from "../store/database.ts";
import { revokedAmong } from "./store/revocations.ts";

/**
 * Throws PorchlightError `plugin_revoked` for a package that the market of this edge took back, its own or the one it follows. One
 * look-up by primary key: whoever installs or runs a plugin asks it before each call.
 */
export async function requireNotRevoked(db: Database, hash: string): Promise<void> {
  const [revocation] = await revokedAmong(db, [hash]);
  if (revocation !== undefined) throw revokedError(revocation);
}
