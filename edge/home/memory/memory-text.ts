import type { Fact } from "./fact.ts";
import { MEMORY_LIMITS } from "./limits.ts";

/** What stands before the facts, so that the model knows whose they are. */
const HEADING = "Facts that the user asked you to remember (I and 我 are the user):";

export interface MemoryTextOptions {
  /** Longest text, in characters. */
  maxCharacters?: number;
  /** What the user asks now: where not all facts fit, those that share words with it go first. */
  about?: string;
}

/**
 * Facts as a part of a system prompt, the oldest first; empty where there are none, or no room for any. `facts` are the latest first:
 * of those that have equally much to do with the question, later ones get the room. A fact is left out whole, never cut.
 */
export function textOfFacts(
  facts: readonly Fact[],
  { maxCharacters = MEMORY_LIMITS.textCharacters, about = "" }: MemoryTextOptions = {},
): string {
  const asked = wordsOf(about);
  const scores = new Map(facts.map((fact) => [fact, asked.size === 0 ? 0 : shared(wordsOf(fact.text), asked)]));
  const ranked = facts.toSorted((a, b) => (scores.get(b) ?? 0) - (scores.get(a) ?? 0)); // A stable sort: the latest first.
  let left = maxCharacters - HEADING.length;
  const taken = new Set<Fact>();
  for (const fact of ranked) {
    const line = lineOf(fact);
    if (line.length > left) continue;
    left -= line.length;
    taken.add(fact);
  }
  const lines = facts.filter((fact) => taken.has(fact)).toReversed();
  return lines.length === 0 ? "" : `${HEADING}${lines.map(lineOf).join("")}`;
}

const lineOf = ({ text }: Fact): string => `\n- ${text}`;

/** Words of more than three letters without their case; of Chinese, Japanese and Korean text each two neighbours. */
function wordsOf(text: string): Set<string> {
  const words = new Set<string>();
  for (const [word] of text
    .toLowerCase()
    .matchAll(/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]+|[\p{L}\p{N}]+/gu)) {
    const isSpaced = !/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u.test(word);
    if (isSpaced && word.length > 3) words.add(word);
    if (!isSpaced) for (let i = 0; i + 1 < word.length; i++) words.add(word.slice(i, i + 2));
  }
  return words;
}

function shared(words: ReadonlySet<string>, others: ReadonlySet<string>): number {
  return [...words].filter((word) => others.has(word)).length;
}
