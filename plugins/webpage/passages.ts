import { wordsOf } from "../shared/words.ts";

export interface Passage {
  /** Where it starts in the page's text: `read` shows what is around it. */
  start: number;
  text: string;
}

const LEAST_BLOCK = 200;
const MOST_BLOCK = 1_000;

/** The passages that hold most of the words, the best first. */
export function passagesWith(text: string, words: string, most: number): Passage[] {
  const wanted = new Set(wordsOf(words));
  const scored = blocksOf(text).map((block) => {
    const inBlock = wordsOf(block.text);
    const present = new Set(inBlock.filter((word) => wanted.has(word)));
    return { block, score: present.size + inBlock.filter((word) => wanted.has(word)).length / (inBlock.length + 1) };
  });
  const good = scored.filter(({ score }) => score > 0).toSorted((one, other) => other.score - one.score);
  return good.slice(0, most).map(({ block }) => block);
}

/** Paragraphs, short ones joined. */
function blocksOf(text: string): Passage[] {
  const blocks: Passage[] = [];
  let start = 0;
  for (const paragraph of text.split("\n\n")) {
    const last = blocks.at(-1);
    for (let at = 0; at < paragraph.length; at += MOST_BLOCK) {
      const piece = paragraph.slice(at, at + MOST_BLOCK);
      if (at === 0 && last !== undefined && last.text.length < LEAST_BLOCK && piece.length < MOST_BLOCK - LEAST_BLOCK)
        last.text += `\n\n${piece}`;
      else blocks.push({ start: start + at, text: piece });
    }
    start += paragraph.length + 2;
  }
  return blocks;
}
