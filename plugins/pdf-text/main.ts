import { definePlugin, type PluginFiles, tool } from "../../shared/plugin/index.ts";
import { MOST_PART } from "../shared/part.ts";
import { pdfPages } from "../shared/pdf.ts";
import { FILE, pickedFile } from "../shared/picked.ts";
import { cut } from "../shared/text.ts";
import { wordsOf } from "../shared/words.ts";

const MOST_PAGES = 2_000;
const MOST_BYTES = 40_000_000;
const MOST_PASSAGE = 500;

const read = tool({
  description:
    "Reads the text of a picked PDF, some pages at a time. When 'next_page' is there, call again with it as 'page' to read on.",
  input: {
    type: "object",
    properties: {
      file: FILE,
      page: { type: "integer", description: "The page to start at, from 1", minimum: 1, default: 1 },
    },
    required: [],
    additionalProperties: false,
  },
  async execute({ input, files }) {
    const { name, pages } = await pagesOf(files, input.file);
    const first = input.page ?? 1;
    if (first > pages.length) throw new RangeError(`'${name}' has ${pages.length} pages.`);
    const shown: { page: number; text: string }[] = [];
    let size = 0;
    for (let page = first; page <= pages.length; page++) {
      const text = pages[page - 1]?.trim() ?? "";
      if (shown.length > 0 && size + text.length > MOST_PART) break;
      shown.push({ page, text: cut(text, MOST_PART * 2) });
      size += text.length;
    }
    const next = first + shown.length;
    const isCut = size > MOST_PART * 2;
    return {
      file: name,
      pages: shown,
      of: pages.length,
      truncated: isCut || next <= pages.length,
      ...(next <= pages.length ? { next_page: next } : {}),
    };
  },
});

const find = tool({
  description: "Finds the pages of a picked PDF that hold some words, with what stands around them.",
  input: {
    type: "object",
    properties: {
      words: { type: "string", description: "What is looked for", minLength: 1, maxLength: 200 },
      file: FILE,
      limit: { type: "integer", description: "How many pages", minimum: 1, maximum: 10, default: 5 },
    },
    required: ["words"],
    additionalProperties: false,
  },
  async execute({ input, files }) {
    const { name, pages } = await pagesOf(files, input.file);
    const wanted = new Set(wordsOf(input.words));
    const scored = pages.map((text, index) => {
      const present = wordsOf(text).filter((word) => wanted.has(word));
      return { page: index + 1, text, score: new Set(present).size * 1_000 + Math.min(present.length, 999) };
    });
    const good = scored.filter(({ score }) => score > 0).toSorted((one, other) => other.score - one.score);
    if (good.length === 0) throw new RangeError(`None of these words is in '${name}' (${pages.length} pages).`);
    const limit = input.limit ?? 5;
    const found = good.slice(0, limit).map(({ page, text }) => ({ page, text: around(text, [...wanted]) }));
    return { file: name, found, count: good.length, truncated: good.length > found.length };
  },
});

async function pagesOf(
  files: PluginFiles | undefined,
  file: string | undefined,
): Promise<{ name: string; pages: string[] }> {
  const { id, name, bytes } = await pickedFile(files, file);
  if (bytes > MOST_BYTES) throw new RangeError(`'${name}' is larger than 40 MB.`);
  const content = (await files?.read(id)) ?? new Uint8Array();
  return { name, pages: (await pdfPages(content, MOST_PAGES)).pages };
}

/** The first place where one of the words stands. */
function around(text: string, words: readonly string[]): string {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((at) => at >= 0);
  const start = Math.max(0, Math.min(...places, text.length) - MOST_PASSAGE / 4);
  return cut(text.slice(start), MOST_PASSAGE).trim();
}

export default definePlugin({ tools: { read, find } });
