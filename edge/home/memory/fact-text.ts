import { MEMORY_LIMITS } from "./limits.ts";

/** A fact as it is kept: one line, without what cannot be seen. Empty where nothing is left. */
export function tidyFact(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
}

/** What somebody asked to have remembered; undefined where it is no fact, or too long for one. */
export function factOf(text: string, least: number): string | undefined {
  const fact = tidyFact(text)
    .replace(/^[\s,，:：;；.。、-]+/u, "")
    .replace(/[\s,，;；.。!！、]+$/u, "");
  return fact.length < least || fact.length > MEMORY_LIMITS.factCharacters ? undefined : fact;
}

/** The items of a list below a line that ends in a colon, as one fact; undefined where there is no list. */
export function listBelow(text: string): string | undefined {
  const items: string[] = [];
  for (const line of text.split("\n")) {
    const item = /^\s*(?:[-*•]|\d{1,2}[.)、])\s*(\S.*)$/u.exec(line)?.[1];
    if (item === undefined) {
      if (line.trim() === "" && items.length === 0) continue;
      break;
    }
    items.push(item.replace(/[\s;；,，.。]+$/u, ""));
  }
  return items.length === 0 ? undefined : items.join("; ");
}
