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
 * schema lists, and a few numbers. What a model has read elsewhere, or knows of the person, is in none of these, so that they may leave
 * although the model may obey a stranger by now. What is left is its choice among them: returns how many bits that tells at most, or
 * undefined for arguments that say anything else.
 */
export function ownBits(input: unknown, schema: ToolSchema, own: string): number | undefined {
  const text = plain(own);
  const words = text.split(" ").length;
  const addresses = new Set(own.normalize("NFKC").split(/\s+/u).flatMap(addressIn));
  let left: number = LOOP_LIMITS.ownValues;
  let bits = 0;
  const choice = (among: number): true => {
    bits += Math.log2(Math.max(1, among));
    return true;
  };
  const isOwn = (value: unknown, of: ToolSchema | undefined): boolean => {
    if (Array.isArray(value)) return choice(LOOP_LIMITS.ownValues) && value.every((item) => isOwn(item, of?.items));
    if (typeof value === "object" && value !== null) {
      const known = of?.properties ?? {};
      choice(2 ** (Object.keys(known).length - (of?.required?.length ?? 0)));
      return Object.entries(value).every(([name, member]) => Object.hasOwn(known, name) && isOwn(member, known[name]));
    }
    if (--left < 0) return false;
    if (value === null || typeof value === "boolean") return choice(2);
    if (of?.enum?.some((one) => one === value) === true) return choice(of.enum.length);
    if (of?.default === value) return true;
    if (typeof value !== "number" && typeof value !== "string") return false;
    const said = String(value).normalize("NFKC").trim();
    if (ADDRESS.test(said)) return addressIn(said).some((address) => addresses.has(address)) && choice(addresses.size);
    // A phrase is where it begins and where it ends.
    if (hasPhrase(text, plain(said))) return choice((words * (words + 1)) / 2);
    const isSmall = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LOOP_LIMITS.ownNumber;
    return isSmall && choice(LOOP_LIMITS.ownNumber);
  };
  return isOwn(input, schema) ? bits : undefined;
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
