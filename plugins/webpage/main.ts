import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { partOf, START } from "../shared/part.ts";
import { cut } from "../shared/text.ts";
import { articleOf, linksOf } from "./article.ts";
import { fetchPage } from "./fetch-page.ts";
import { passagesWith } from "./passages.ts";

const MOST_LINK_TEXT = 120;

const URL_OF_PAGE = { type: "string", description: "The page's address", minLength: 3, maxLength: 2_000 } as const;

const read = tool({
  description:
    "Fetches a public web page and gives its article as markdown, some 6,000 characters at a time. When 'next_start' is there, call again with it as 'start' to read on.",
  input: {
    type: "object",
    properties: {
      url: URL_OF_PAGE,
      start: START,
      links: { type: "boolean", description: "Whether links are kept", default: false },
    },
    required: ["url"],
    additionalProperties: false,
  },
  async execute({ input, caller, fetch }) {
    const page = await fetchPage(fetch, input.url, caller.locale);
    const { markdown, ...about } = articleOf(page, input.links ?? false);
    if (markdown === "")
      throw new Error("The page has no text of its own: scripts make it as it is shown, or it is empty.");
    return { url: page.url, ...about, ...partOf(markdown, input.start ?? 0) };
  },
});

const find = tool({
  description:
    "Fetches a public web page and gives the passages that say most about some words. Use it for one fact on a long page.",
  input: {
    type: "object",
    properties: {
      url: URL_OF_PAGE,
      words: { type: "string", description: "What is looked for", minLength: 1, maxLength: 200 },
      limit: { type: "integer", description: "How many passages", minimum: 1, maximum: 8, default: 4 },
    },
    required: ["url", "words"],
    additionalProperties: false,
  },
  async execute({ input, caller, fetch }) {
    const page = await fetchPage(fetch, input.url, caller.locale);
    const { title, markdown } = articleOf(page, false);
    const passages = passagesWith(markdown, input.words, input.limit ?? 4);
    if (passages.length > 0) return { url: page.url, title, passages };
    throw new Error(`None of these words is on the page (${markdown.length} characters). Try others, or read it.`);
  },
});

const links = tool({
  description: "Lists the links of a public web page: their words and addresses.",
  input: {
    type: "object",
    properties: {
      url: URL_OF_PAGE,
      contains: { type: "string", description: "Only links with this in their words or address", maxLength: 100 },
      limit: { type: "integer", description: "How many links", minimum: 1, maximum: 100, default: 30 },
    },
    required: ["url"],
    additionalProperties: false,
  },
  async execute({ input, caller, fetch }) {
    const page = await fetchPage(fetch, input.url, caller.locale);
    const wanted = (input.contains ?? "").toLowerCase();
    const found = linksOf(page).filter(({ text, url }) => `${text}\n${url}`.toLowerCase().includes(wanted));
    const shown = found.slice(0, input.limit ?? 30).map(({ text, url }) => ({ text: cut(text, MOST_LINK_TEXT), url }));
    return { url: page.url, links: shown, count: found.length, truncated: found.length > shown.length };
  },
});

export default definePlugin({ tools: { read, find, links } });
