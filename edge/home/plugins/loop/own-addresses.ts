import type { ToolSchema } from "../../../../shared/plugin/schema-type.ts";
import { LOOP_LIMITS } from "./limits.ts";

/** What stands around an address in a text and is no part of it. */
const PUNCTUATION = /^[("'“‘「《<]+|[).,;:!?'"”’」》>，。；！？]+$/gu;
const ADDRESS = /^(?:https?:\/\/)?(?:[\p{L}\p{N}-]+\.)+[\p{L}-]{2,}(?::\d+)?(?:[/?#].*)?$/iu;

/**
 * Whether arguments name nothing but addresses that the person wrote, beside what the tool's own schema lists and small numbers. Of a
 * tool that goes where its arguments say, they then tell those hosts no more than the person did, even if the model obeys a stranger by
 * now. Words are never counted so: what the person wrote may itself be what a stranger wants.
 */
export function areOwnAddresses(input: unknown, schema: ToolSchema, own: string): boolean {
  const addresses = new Set(own.split(/\s+/u).flatMap(spellings));
  let left: number = LOOP_LIMITS.ownValues;
  const isOwn = (value: unknown, of: ToolSchema | undefined): boolean => {
    if (Array.isArray(value)) return value.every((item) => isOwn(item, of?.items));
    if (typeof value === "object" && value !== null) {
      const known = of?.properties ?? {};
      return Object.entries(value).every(([name, member]) => Object.hasOwn(known, name) && isOwn(member, known[name]));
    }
    if (--left < 0) return false;
    if (value === null || typeof value === "boolean") return true;
    if (of?.enum?.some((one) => one === value) === true || of?.default === value) return true;
    if (typeof value === "number") return Number.isInteger(value) && value >= 0 && value <= LOOP_LIMITS.ownNumber;
    return typeof value === "string" && addresses.has(value);
  };
  return isOwn(input, schema);
}

/**
 * How a model may spell the address that a word is, to the letter: what a parser would forgive, such as full stops behind it, could tell
 * the host more than the person did.
 */
function spellings(word: string): string[] {
  const forms = [word, word.replaceAll(PUNCTUATION, "")].filter((form) => ADDRESS.test(form));
  return forms.flatMap((form) => {
    const rest = form.replace(/^https?:\/\//i, "");
    const bare = [rest, rest.replace(/#.*$/, ""), rest.replace(/\/$/, "")];
    const ended = bare.flatMap((one) => (/[/?#]/.test(one) ? [one] : [one, `${one}/`]));
    return [...new Set(ended)].flatMap((one) => [one, `https://${one}`, `http://${one}`]);
  });
}
