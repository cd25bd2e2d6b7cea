import type { Database } from "../store/database.ts";
import { replaceRecoveryCodes, takeRecoveryCode } from "../store/recovery-codes.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";
import { hashSecret } from "./secret.ts";

/** Crockford's base32: nothing in it is taken for another when it is copied from paper. */
const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP = 5;

/** New codes for a person, in place of all older ones. They are returned once: only their hashes are kept. */
export async function issueRecoveryCodes(db: Database, userId: string): Promise<string[]> {
  const codes = Array.from({ length: CREDENTIAL_LIMITS.recoveryCodes }, createRecoveryCode);
  const hashes = await Promise.all(codes.map((code) => hashSecret(canonical(code))));
  await replaceRecoveryCodes(db, userId, hashes, Date.now());
  return codes;
}

/** Uses a code up; undefined if it is not one. Case, blanks and dashes do not matter, nor O for 0 and I or L for 1. */
export async function redeemRecoveryCode(db: Database, code: string): Promise<string | undefined> {
  return await takeRecoveryCode(db, await hashSecret(canonical(code)));
}

/** 20 characters of 5 random bits, in groups of five. */
function createRecoveryCode(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(CREDENTIAL_LIMITS.recoveryCodeCharacters));
  const text = Array.from(bytes, (byte) => DIGITS[byte % 32]).join(""); // 256 is a multiple of 32: no bias
  return (text.match(new RegExp(`.{${GROUP}}`, "g")) ?? []).join("-");
}

function canonical(code: string): string {
  return code.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
}
