import type { Element, Nodes } from "hast";
import { toMdast } from "hast-util-to-mdast";
import { gfmToMarkdown } from "mdast-util-gfm";
import { toMarkdown } from "mdast-util-to-markdown";

/** What no reader sees. */
const UNSEEN = new Set([
  "script",
  "style",
  "template",
  "noscript",
  "iframe",
  "object",
  "embed",
  "svg",
  "canvas",
  "form",
  "button",
]);
/** Deeper than this no person writes, and every walk over it is a recursion. */
const MOST_DEPTH = 250;

export interface MarkdownOptions {
  /** Where relative links lead from. */
  base?: string | undefined;
  /** Whether links and images stay; their words do anyway. */
  links: boolean;
}

/** A tree of HTML as markdown with tables, the unseen left out. Changes the tree. Throws RangeError for one nested too deep. */
export function treeToMarkdown(tree: Nodes, options: MarkdownOptions): string {
  clean(tree, options, 0);
  const markdown = toMarkdown(toMdast(tree), { extensions: [gfmToMarkdown()], bullet: "-", rule: "-" });
  return markdown.replace(/\n{3,}/g, "\n\n").trim();
}

function clean(node: Nodes, options: MarkdownOptions, depth: number): void {
  if (depth > MOST_DEPTH) throw new RangeError("The page is nested too deep to be read.");
  if (!("children" in node)) return;
  node.children = node.children.filter(
    (child) => child.type !== "comment" && !(child.type === "element" && UNSEEN.has(child.tagName)),
  ) as typeof node.children; // a part of the same children
  for (const child of node.children) {
    if (child.type === "element") linked(child, options);
    clean(child, options, depth + 1);
  }
}

function linked(element: Element, { base, links }: MarkdownOptions): void {
  const { tagName, properties } = element;
  const name = tagName === "a" ? "href" : tagName === "img" ? "src" : undefined;
  if (name === undefined) return;
  const { [name]: address, alt } = properties;
  const url = typeof address === "string" ? URL.parse(address, base) : null;
  if (links && url !== null && /^(?:https?|mailto):$/.test(url.protocol)) {
    element.properties = { ...properties, [name]: url.href };
    return;
  }
  element.tagName = "span";
  element.properties = {};
  if (tagName === "img" && typeof alt === "string") element.children = [{ type: "text", value: alt }];
}
