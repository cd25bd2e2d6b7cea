import { CREDENTIAL_LIMITS } from "./limits.ts";

/** RFC 8628, section 6.1: consonants only, so that no code is a word, and none looks like a digit. */
const ALPHABET = "BCDFGHJKLMNPQRSTVWXZ";
const NOT_OF_IT = new RegExp(`[^${ALPHABET}]`, "g");

/** A code that a person types in, such as `WDJB-MJHT`. */
export function randomUserCode(): string {
  // Above this, some letters would be likelier than others.
  const fair = 256 - (256 % ALPHABET.length);
  let code = "";
  while (code.length < CREDENTIAL_LIMITS.userCodeCharacters) {
    const letters = [...crypto.getRandomValues(new Uint8Array(16))].filter((byte) => byte < fair);
    code += letters.map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
  }
  return `${code.slice(0, 4)}-${code.slice(4, CREDENTIAL_LIMITS.userCodeCharacters)}`;
}

/** A code as it was made, from what a person typed: any case, with or without the dash, whatever else slipped in. */
export function normalUserCode(typed: string): string {
  const letters = typed.toUpperCase().replaceAll(NOT_OF_IT, "");
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}
