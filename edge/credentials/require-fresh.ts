import type { Context } from "hono";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { accountOf, sessionOf } from "../middleware/authenticate.ts";
import { isLocal, originOf } from "../origin.ts";
import { database } from "../store/database.ts";
import { countPasskeys } from "../store/passkeys.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

/**
 * Throws `confirmation_needed` unless the person has just proved to be there. On an edge of this very machine one who came by the
 * link of `npm start` and has no passkey cannot, and need not: whoever can open that link can read the owner's key from the disk.
 */
export async function requireFresh(c: Context<AppEnv>): Promise<void> {
  const isFresh = Date.now() - sessionOf(c).confirmedAt < CREDENTIAL_LIMITS.confirmationMs;
  if (isFresh) return;
  const isAtHome = isLocal(new URL(originOf(c)));
  if (isAtHome && (await countPasskeys(database(c.env.DB), accountOf(c).userId)) === 0) return;
  throw new PorchlightError("confirmation_needed");
}
