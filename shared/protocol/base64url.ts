import { fromBase64, toBase64 } from "../base64.ts";

const ALPHABET = /^[A-Za-z0-9_-]*$/;

/** Base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The bytes of a base64url text without padding, or undefined if it is not the one canonical way to write some bytes. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!ALPHABET.test(text) || text.length % 4 === 1) {
    return undefined;
  }
  const bytes = fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
  // Spare bits in the last character would give one value several spellings.
  return toBase64Url(bytes) === text ? bytes : undefined;
}
