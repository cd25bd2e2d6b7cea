import { toBase64Url } from "../../shared/protocol/base64url.ts";

const utf8 = new TextEncoder();

/** Base64url of `bytes` random bytes. */
export function randomSecret(bytes: number): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** SHA-256 as base64url: how secrets are stored. They are random, so neither salt nor a slow hash would add anything. */
export async function hashSecret(secret: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(secret))));
}

/** Whether two secrets are equal; the time it takes says nothing of where they differ, because hashes are compared. */
export async function secretsEqual(a: string, b: string): Promise<boolean> {
  return (await hashSecret(a)) === (await hashSecret(b));
}
