import { PorchlightError } from "../../shared/errors.ts";
import type { Account } from "../env.ts";
import type { Database } from "../store/database.ts";
import { type CodeKind, putCode, takeCode } from "../store/one-time-codes.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";
import { hashSecret, randomSecret } from "./secret.ts";

/** A new code of ten minutes; only its hash is kept. */
export async function issueCode(
  db: Database,
  kind: CodeKind,
  maker: Pick<Account, "id" | "userId">,
): Promise<{ code: string; expiresAt: string }> {
  const code = randomSecret(CREDENTIAL_LIMITS.codeBytes);
  const expiresAt = Date.now() + CREDENTIAL_LIMITS.codeMs;
  await putCode(db, { hash: await hashSecret(code), kind, accountId: maker.id, userId: maker.userId, expiresAt });
  return { code, expiresAt: new Date(expiresAt).toISOString() };
}

/** Uses a code up and returns the household it was made for, and who made it. Throws `code_used_or_expired`. */
export async function redeemCode(db: Database, kind: CodeKind, code: string) {
  const taken = await takeCode(db, await hashSecret(code), kind, Date.now());
  if (!taken) throw new PorchlightError("code_used_or_expired");
  return taken;
}
