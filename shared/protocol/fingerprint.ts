import { fromBase64Url } from "./base64url.ts";

/**
 * What people compare of a machine's key: the first 16 bytes of its SHA-256 in groups of four hexadecimal digits. To find another key
 * with the same one takes 2^128 tries. @param publicKey base64url of the raw 32 bytes
 */
export async function fingerprintOf(publicKey: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", fromBase64Url(publicKey) ?? new Uint8Array());
  const digits = [...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return (digits.match(/.{4}/g) ?? []).join(" ");
}
