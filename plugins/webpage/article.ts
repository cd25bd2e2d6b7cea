import { Readability } from "@mozilla/readability";
import { fromDom } from "hast-util-from-dom";
import { parseHTML } from "linkedom/worker";
import { treeToMarkdown } from "../shared/markdown.ts";
import type { Page } from "./fetch-page.ts";
import { refuseHuge } from "../shared/html-size.ts";

export interface Article {
  title: string;
  byline?: string | undefined;
  site?: string | undefined;
  published?: string | undefined;
  markdown: string;
}

/** Fewer characters than these in the article, and the whole page is taken. */
const LEAST_ARTICLE = 200;

/** What a page is read for: its article as markdown. Throws RangeError for a page that is too large or too deep. */
export function articleOf(page: Page, links: boolean): Article {
  if (!page.isHtml) return { title: "", markdown: page.text };
  const document = parsed(page);
  const title = document.title.trim();
  const options = { base: page.url, links };
  const whole = (): string => treeToMarkdown(fromDom(parsed(page).body), options);
  const article = new Readability(document, { serializer: (node) => node }).parse();
  if (article?.content === null || article?.content === undefined) return { title, markdown: whole() };
  const markdown = treeToMarkdown(fromDom(article.content), options);
  return {
    title: article.title ?? title,
    byline: article.byline ?? undefined,
    site: article.siteName ?? undefined,
    published: article.publishedTime ?? undefined,
    markdown: markdown.length < LEAST_ARTICLE ? longer(markdown, whole()) : markdown,
  };
}

/** Links of the whole page, each address once. */
export function linksOf(page: Page): { text: string; url: string }[] {
  if (!page.isHtml) return [];
  const found = new Map<string, string>();
  for (const link of parsed(page).querySelectorAll("a[href]")) {
    const url = URL.parse(link.getAttribute("href") ?? "", page.url);
    const text = (link.textContent ?? "").replace(/\s+/g, " ").trim();
    if (url === null || !/^https?:$/.test(url.protocol)) continue;
    url.hash = "";
    if (url.href !== page.url && (found.get(url.href) ?? "") === "") found.set(url.href, text);
  }
  return Array.from(found, ([url, text]) => ({ text, url }));
}

function parsed(page: Page): ReturnType<typeof parseHTML>["document"] {
  refuseHuge(page.text);
  const html = /<body/i.test(page.text) ? page.text : `<html><body>${page.text}</body></html>`;
  const { document } = parseHTML(html);
  return document;
}

function longer(one: string, other: string): string {
  return one.length >= other.length ? one : other;
}
