/** Scripts that are written without spaces between words, and whose words are of one or two characters. */
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/gu;
const WORD = /[\p{L}\p{N}\p{M}]+/gu;

/**
 * `text` as a full-text index of words (FTS5's `unicode61`) takes it: runs of Chinese, Japanese and Korean become overlapping pairs of
 * characters, and the last character alone, so that any part of a run is found by the pairs it is made of.
 */
export function searchText(text: string): string {
  return text.replace(CJK, (run) => {
    const characters = Array.from(run);
    const pairs = characters.map((character, at) => character + (characters[at + 1] ?? ""));
    return ` ${pairs.join(" ")} `;
  });
}

/**
 * What somebody typed, as an FTS5 query over `searchText`: all of its words, the last one as a beginning. Undefined where it holds no
 * word. Nothing in it is syntax: every word is quoted.
 */
export function searchQuery(typed: string): string | undefined {
  const terms = [...typed.normalize("NFC").matchAll(WORD)].flatMap(([word]) => pieces(word));
  if (terms.length === 0) return undefined;
  return terms.map((term, at) => term + (at === terms.length - 1 && !term.endsWith("*") ? "*" : "")).join(" AND ");
}

/** A run of letters, cut where the script changes: pairs in a row for one kind, a word for the other. */
function pieces(word: string): string[] {
  const terms: string[] = [];
  let end = 0;
  const plain = (text: string): void => {
    if (text !== "") terms.push(`"${text}"`);
  };
  for (const match of word.matchAll(CJK)) {
    plain(word.slice(end, match.index));
    const characters = Array.from(match[0]);
    const pairs = characters.slice(1).map((character, at) => (characters[at] ?? "") + character);
    terms.push(pairs.length === 0 ? `"${match[0]}"*` : `"${pairs.join(" ")}"`);
    end = match.index + match[0].length;
  }
  plain(word.slice(end));
  return terms;
}

/** The words and runs that a hit shows: for marking them in a text. */
export function searchWords(typed: string): string[] {
  return [...typed.normalize("NFC").matchAll(WORD)].map(([word]) => word);
}

/** The part of `text` around the first of the words that was typed, at most `characters` long. */
export function snippetOf(text: string, typed: string, characters: number): string {
  const flat = text.replace(/\s+/gu, " ").trim();
  const lower = flat.toLowerCase();
  const places = searchWords(typed).map((word) => lower.indexOf(word.toLowerCase()));
  const place = Math.min(...places.filter((at) => at >= 0));
  if (flat.length <= characters) return flat;
  const start = Number.isFinite(place) ? Math.max(0, Math.min(place - characters / 4, flat.length - characters)) : 0;
  const cut = cutWhole(flat, Math.floor(start), Math.floor(start) + characters);
  return `${start > 0 ? "…" : ""}${cut.text}${cut.end < flat.length ? "…" : ""}`;
}

/** A slice that breaks no character of two units. */
function cutWhole(text: string, from: number, to: number): { text: string; end: number } {
  const isLow = (at: number): boolean => at > 0 && at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00;
  const start = isLow(from) ? from + 1 : from;
  const end = isLow(to) ? to - 1 : to;
  return { text: text.slice(start, end), end };
}
