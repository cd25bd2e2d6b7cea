import type { ToolSchema } from "../../../../shared/plugin/schema-type.ts";
import { LOOP_LIMITS } from "./limits.ts";

/** What stands around an address in a text and is no part of it. */
const PUNCTUATION = /^[("'“‘「《]+|[).,;:!?'"”’」》，。；！？]+$/gu;
const ADDRESS = /:\/\/|^\/\/|[\p{L}\p{N}-]\.[\p{L}-]{2,}(?:[/?#:]|$)/iu;

/**
 * Whether arguments name nothing but addresses that the person wrote, beside what the tool's own schema lists and small numbers. Of a
 * tool that goes where its arguments say, they then tell those hosts no more than the person did, even if the model obeys a stranger by
 * now. Words are never counted so: what the person wrote may itself be what a stranger wants.
 */
export function areOwnAddresses(input: unknown, schema: ToolSchema, own: string): boolean {
  const addresses = new Set(own.normalize("NFKC").split(/\s+/u).flatMap(addressIn));
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
    return typeof value === "string" && addressIn(value).some((address) => addresses.has(address));
  };
  return isOwn(input, schema);
}

/** The address that a word is, in the one form that all its spellings have. */
function addressIn(word: string): string[] {
  const bare = word.normalize("NFKC").trim().replaceAll(PUNCTUATION, "");
  if (!ADDRESS.test(bare)) return [];
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(bare) ? bare : `https://${bare.replace(/^\/\//, "")}`);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return [];
  return [`${url.host}${url.pathname.replace(/\/$/, "")}${url.search}`];
}
