const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/gu;

/** Words that say nothing of what a text is about, English and Chinese. */
const EMPTY = new Set(
  (
    "a about after again all also am an and any are as at be because been before being but by can could did do does doing done for from " +
    "get give go had has have having he her here him his how i if in into is it its just know let like make me might mine more most my " +
    "no not now of off on once one only or other our out over own please said same say says she should so some such tell than thank " +
    "thanks that the their them then there these they thing things this those through to too under until up us use very was we were " +
    "what when where which while who whom whose why will with would yes yet you your yours don t s re ve ll d m " +
    "什么 怎么 哪里 为什 如何 请问 可以 这个 那个 我们 你们 他们 是什 么样 告诉 诉我 一下 的是 我的 你的 了吗"
  ).split(" "),
);

/** A simple plural and its singular count as one word: what is asked in one is often said in the other. */
function stem(word: string): string {
  if (word.length > 4 && word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (word.length > 3 && word.endsWith("s") && !word.endsWith("ss")) return word.slice(0, -1);
  return word;
}

/**
 * What a text is about, in the order it is said: words without case and without those that are in every text; of Chinese, Japanese and
 * Korean each two neighbours.
 */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const [word] of text.normalize("NFKC").toLowerCase().matchAll(WORD)) {
    let end = 0;
    for (const match of word.matchAll(CJK)) {
      add(terms, word.slice(end, match.index));
      const characters = Array.from(match[0]);
      for (let at = 0; at + 1 < characters.length; at++) {
        const pair = `${characters[at]}${characters[at + 1]}`;
        if (!EMPTY.has(pair)) terms.push(pair);
      }
      end = match.index + match[0].length;
    }
    add(terms, word.slice(end));
  }
  return terms;
}

function add(terms: string[], word: string): void {
  if (word === "" || EMPTY.has(word)) return;
  const stemmed = stem(word);
  if (!EMPTY.has(stemmed)) terms.push(stemmed);
}
