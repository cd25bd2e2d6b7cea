/** Scripts that are written without spaces: pairs of their signs stand for words, which no dictionary has to know. */
const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}`;
const WORD = new RegExp(String.raw`[${UNSPACED}]+|(?:(?![${UNSPACED}])[\p{L}\p{N}])+(?:['’]\p{L}+)?`, "gu");
const IS_UNSPACED = new RegExp(`[${UNSPACED}]`, "u");

/** Words of a text in small letters, in the order they stand. */
export function wordsOf(text: string): string[] {
  const runs = text.toLowerCase().match(WORD) ?? [];
  return runs.flatMap((run) => (IS_UNSPACED.test(run) ? pairsOf(Array.from(run)) : [run]));
}

function pairsOf(signs: readonly string[]): string[] {
  if (signs.length < 2) return [...signs];
  return signs.slice(1).map((sign, index) => `${signs[index] ?? ""}${sign}`);
}
