import type { Drafter } from "./drafter.ts";

/** Tokens that have to be alike before a place counts as the same: the longer first. */
const NGRAMS = [4, 2] as const;

/**
 * Prompt lookup (Saxena 2023; speculation without a draft model): what followed the last time that the latest tokens occurred. Good
 * where an answer repeats its prompt: edits, extraction, code. Keeps an index of n-grams, so that a step takes constant time.
 */
export function createPromptLookup(): Drafter & {
  propose: (tokens: readonly number[], most: number) => readonly number[];
} {
  // By the hash of an n-gram, where its latest occurrence ends and the one before that: the latest is the end of the text itself.
  const indexes = NGRAMS.map((length) => ({ length, ends: new Map<number, number>() }));
  let indexed = 0;
  return {
    propose: (tokens, most) => {
      // The last token's own n-gram is entered next time: it would only find itself.
      for (; indexed < tokens.length; indexed++) {
        for (const { length, ends } of indexes) if (indexed >= length) ends.set(hash(tokens, indexed, length), indexed);
      }
      for (const { length, ends } of indexes) {
        if (tokens.length <= length) continue;
        const end = ends.get(hash(tokens, tokens.length, length));
        if (end !== undefined && isSame(tokens, end, tokens.length, length)) return tokens.slice(end, end + most);
      }
      return [];
    },
  };
}

/** FNV-1a of the `length` tokens before `end`. */
function hash(tokens: readonly number[], end: number, length: number): number {
  let value = 0x811c9dc5;
  for (let i = end - length; i < end; i++) value = Math.imul(value ^ (tokens[i] ?? 0), 0x01000193);
  return value;
}

function isSame(tokens: readonly number[], end: number, otherEnd: number, length: number): boolean {
  for (let i = 1; i <= length; i++) if (tokens[end - i] !== tokens[otherEnd - i]) return false;
  return true;
}
