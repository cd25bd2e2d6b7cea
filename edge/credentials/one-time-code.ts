import { PorchlightError } from "../../shared/errors.ts";
import type { Database } from "../store/database.ts";
import { type CodeKind, putCode, takeCode } from "../store/one-time-codes.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";
import { hashSecret, randomSecret } from "./secret.ts";

/** A new code of ten minutes; only its hash is kept. */
export async function issueCode(
  db: Database,
  kind: CodeKind,
  accountId: string,
): Promise<{ code: string; expiresAt: string }> {
  const code = randomSecret(CREDENTIAL_LIMITS.codeBytes);
  const now = Date.now();
  const expiresAt = now + CREDENTIAL_LIMITS.codeMs;
  await putCode(db, { hash: await hashSecret(code), kind, accountId, expiresAt }, now);
  return { code, expiresAt: new Date(expiresAt).toISOString() };
}

/** Uses a code up and returns the account it was made for. Throws `code_used_or_expired`. */
export async function redeemCode(db: Database, kind: CodeKind, code: string): Promise<string> {
  const accountId = await takeCode(db, await hashSecret(code), kind, Date.now());
  if (accountId === undefined) throw new PorchlightError("code_used_or_expired");
  return accountId;
}
