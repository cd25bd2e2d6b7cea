import type { ToolSchema } from "../../../../shared/plugin/schema-type.ts";
import { LOOP_LIMITS } from "./limits.ts";

/** What stands behind a word and is no part of an address there. */
const PUNCTUATION = /^[("'“‘「《]+|[).,;:!?'"”’」》，。；！？]+$/gu;
const ADDRESS = /:\/\/|^\/\/|[\p{L}\p{N}-]\.[\p{L}-]{2,}(?:[/?#:]|$)/iu;
const LETTER = /[\p{L}\p{N}]/u;
/** Written without spaces: any place in them is a boundary. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/**
 * Whether arguments say nothing that the person has not: addresses that they wrote, phrases of theirs word for word, what the tool's own
 * schema lists, and a few small numbers. What a model has read elsewhere, or knows of the person, is in none of these, so that they may
 * leave although the model may obey a stranger by now.
 */
export function areOwnWords(input: unknown, schema: ToolSchema, own: string): boolean {
  const text = plain(own);
  const addresses = new Set(own.normalize("NFKC").split(/\s+/u).flatMap(addressIn));
  let left: number = LOOP_LIMITS.ownValues;
  const isOwn = (value: unknown, of: ToolSchema | undefined): boolean => {
    if (Array.isArray(value)) return value.every((item) => isOwn(item, of?.items));
    if (typeof value === "object" && value !== null) {
      return Object.entries(value).every(([name, member]) => {
        const known = of?.properties;
        return known !== undefined && Object.hasOwn(known, name) && isOwn(member, known[name]);
      });
    }
    if (--left < 0) return false;
    if (value === null || typeof value === "boolean") return true;
    if (of?.enum?.some((one) => one === value) === true || of?.default === value) return true;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LOOP_LIMITS.ownNumber)
      return true;
    if (typeof value !== "number" && typeof value !== "string") return false;
    const said = String(value).normalize("NFKC").trim();
    if (ADDRESS.test(said)) return addressIn(said).some((address) => addresses.has(address));
    return hasPhrase(text, plain(said));
  };
  return isOwn(input, schema);
}

/** The address that a word is, in the one form that all its spellings have. */
function addressIn(word: string): string[] {
  const bare = word.replaceAll(PUNCTUATION, "");
  if (!ADDRESS.test(bare)) return [];
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(bare) ? bare : `https://${bare.replace(/^\/\//, "")}`);
  if (url === null || url.username !== "" || url.password !== "") return [];
  return [`${url.host}${url.pathname.replace(/\/$/, "")}${url.search}`];
}

function plain(text: string): string {
  return text.normalize("NFKC").toLowerCase().replaceAll(/\s+/gu, " ").trim();
}

function hasPhrase(text: string, phrase: string): boolean {
  for (let at = text.indexOf(phrase); at >= 0; at = text.indexOf(phrase, at + 1)) {
    if (isBoundary(text.at(at - 1), phrase.at(0), at === 0)) {
      const end = at + phrase.length;
      if (isBoundary(text.at(end), phrase.at(-1), end >= text.length)) return true;
    }
    if (phrase === "") return true;
  }
  return false;
}

function isBoundary(outside: string | undefined, inside: string | undefined, isEdge: boolean): boolean {
  if (isEdge || outside === undefined || inside === undefined) return true;
  const isInWord = LETTER.test(outside) && LETTER.test(inside);
  return !isInWord || UNSPACED.test(outside) || UNSPACED.test(inside);
}
