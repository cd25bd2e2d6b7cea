import { scrypt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { EdgeBindings } from "../env.ts";
import { fromBase64Url, toBase64Url } from "../../shared/protocol/base64url.ts";
import { CREDENTIAL_LIMITS } from "./limits.ts";

/** As OWASP recommends for scrypt with 32 MiB: an isolate has 128. */
const COST = { N: 2 ** 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const SHAPE = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w-]+)\$([\w-]+)$/;

const { min, max } = CREDENTIAL_LIMITS.passwordCharacters;
/** A new password: composed forms are made one, so that every keyboard types the same. */
export const newPasswordSchema = z
  .string()
  .min(min, `Use at least ${min} characters.`)
  .max(max)
  .transform((text) => text.normalize("NFKC"));

/** Whether people may have passwords here. */
export function takesPasswords(env: EdgeBindings): boolean {
  return env.PASSWORDS === "on";
}

/** `scrypt$N$r$p$salt$hash`: with what it takes to check it after the cost was raised. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const hash = await derive(password, salt, COST);
  return ["scrypt", COST.N, COST.r, COST.p, toBase64Url(salt), toBase64Url(hash)].join("$");
}

/** Whether this is the password. Without a stored one the same work is done: the time does not say who has a password. */
export async function checkPassword(password: string, stored: string | null): Promise<boolean> {
  const [, n, r, p, saltText = "", hashText = ""] = SHAPE.exec(stored ?? "") ?? [];
  const salt = fromBase64Url(saltText);
  const expected = fromBase64Url(hashText);
  if (!salt?.length || !expected?.length) {
    await derive(password, new Uint8Array(SALT_BYTES), COST);
    return false;
  }
  const cost = { N: Number(n), r: Number(r), p: Number(p) };
  const derived = await derive(password.normalize("NFKC"), salt, cost);
  return derived.length === expected.length && timingSafeEqual(derived, expected);
}

async function derive(
  password: string,
  salt: Uint8Array,
  cost: { N: number; r: number; p: number },
): Promise<Uint8Array> {
  const maxmem = 256 * cost.N * cost.r; // twice what it needs
  return await new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, { ...cost, maxmem }, (error, key) =>
      error === null ? resolve(new Uint8Array(key)) : reject(error),
    );
  });
}
