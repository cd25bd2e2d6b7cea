import { lt } from "drizzle-orm";
import { CREDENTIAL_LIMITS } from "../credentials/limits.ts";
import type { Database } from "./database.ts";
import {
  attempts,
  auditLog,
  ceremonies,
  deviceAuthorizations,
  idempotency,
  invitations,
  oneTimeCodes,
} from "./schema.ts";
import { OAUTH_LIMITS } from "../oauth/limits.ts";
import { purgeOauth } from "./oauth.ts";
import { purgeSessions } from "./sessions.ts";

/** Throws away every value that has expired. Nothing relies on it: what has expired is refused wherever it is read. */
export async function purgeExpired(db: Database, nowMs: number): Promise<void> {
  await db.batch([
    purgeSessions(db, nowMs),
    ...purgeOauth(db, nowMs, OAUTH_LIMITS.usedCodeMs),
    db.delete(oneTimeCodes).where(lt(oneTimeCodes.expiresAt, nowMs)),
    db.delete(ceremonies).where(lt(ceremonies.expiresAt, nowMs)),
    db.delete(deviceAuthorizations).where(lt(deviceAuthorizations.expiresAt, nowMs)),
    db.delete(invitations).where(lt(invitations.expiresAt, nowMs)),
    db.delete(idempotency).where(lt(idempotency.expiresAt, nowMs)),
    db.delete(attempts).where(lt(attempts.expiresAt, nowMs)),
    db.delete(auditLog).where(lt(auditLog.at, nowMs - CREDENTIAL_LIMITS.auditMs)),
  ]);
}
