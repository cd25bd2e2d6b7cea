/** A passage of a document, as it is searched and cited. */
export interface Chunk {
  text: string;
  /** Of a PDF, from 1. */
  page?: number;
  /** Of a text, from 1: where the passage starts. */
  line?: number;
  /** The headings above it. */
  heading?: string;
}

/** About 200 words: long enough to say something, short enough that five fit into a small context. */
const MOST_CHARACTERS = 900;
const LEAST_CHARACTERS = 250;
const MOST_HEADING = 120;

/** Passages of a text with headings as markdown has them, none over a heading. */
export function chunkText(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  const headings: string[] = [];
  let [part, startLine] = ["", 1];
  const close = (): void => {
    const heading = headings.filter(Boolean).join(" › ").slice(0, MOST_HEADING);
    for (const piece of pieces(part))
      chunks.push({ text: piece, line: startLine, ...(heading === "" ? {} : { heading }) });
    part = "";
  };
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    const [, marks, title] = /^(#{1,6})\s+(.{1,200}?)\s*#*$/.exec(line) ?? [];
    const isFull = part.length >= MOST_CHARACTERS || (line.trim() === "" && part.length >= LEAST_CHARACTERS * 2);
    if (marks !== undefined || isFull) close();
    if (marks !== undefined && title !== undefined) {
      headings.length = marks.length - 1;
      headings[marks.length - 1] = title;
    }
    if (part.trim() === "") {
      part = "";
      startLine = index + 1;
    }
    part += `${line}\n`;
  }
  close();
  return chunks;
}

/** Passages of a PDF: no page is mixed with another. */
export function chunkPages(pages: readonly string[]): Chunk[] {
  return pages.flatMap((text, index) => pieces(text).map((piece) => ({ text: piece, page: index + 1 })));
}

/** Cut at the ends of sentences where there are any. */
function pieces(text: string): string[] {
  const all: string[] = [];
  let rest = text.replace(/[ \t]+/g, " ").trim();
  while (rest.length > MOST_CHARACTERS + LEAST_CHARACTERS) {
    const window = rest.slice(0, MOST_CHARACTERS);
    const end = Math.max(
      ...["\n", ". ", "。", "！", "？", "; ", "；"].map((mark) => window.lastIndexOf(mark) + mark.length),
    );
    const space = window.lastIndexOf(" ");
    const at = end > LEAST_CHARACTERS ? end : space > LEAST_CHARACTERS ? space : MOST_CHARACTERS;
    all.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  if (rest !== "") all.push(rest);
  return all;
}
