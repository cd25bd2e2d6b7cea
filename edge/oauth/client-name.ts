import { OAUTH_LIMITS } from "./limits.ts";

/** What a program calls itself, without what is not seen or turns the text around; cut. */
export function shownName(name: string): string {
  const plain = name
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return plain.slice(0, OAUTH_LIMITS.nameCharacters).toWellFormed();
}
