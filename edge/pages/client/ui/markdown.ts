import DOMPurify from "dompurify";
import { cloneTemplate, part } from "./dom.ts";

const ALLOWED_TAGS = [
  ..."p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code table thead tbody tr th td".split(" "),
  ..."a strong em b i u s del sub sup kbd mark".split(" "),
];
const SAFE_LINK = /^(?:https?:|mailto:)/i;

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer");
});

/** Untrusted HTML to nodes: an allow-list of tags, four attributes, links only to the web and to mail. */
export function toNodes(html: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(html, {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ["href", "class", "align", "start"],
    ALLOWED_URI_REGEXP: SAFE_LINK,
    ADD_URI_SAFE_ATTR: ["align", "start"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  dropForeignClasses(fragment);
  fragment.querySelectorAll("pre").forEach(frameCode);
  fragment.querySelectorAll("table").forEach(frameTable);
  return fragment;
}

/** Only the language of a code block may name a class: the model must not borrow the page's own styles. */
function dropForeignClasses(root: DocumentFragment): void {
  for (const element of root.querySelectorAll("[class]")) {
    if (element.tagName !== "CODE" || !/^language-\S+$/.test(element.className)) element.removeAttribute("class");
  }
}

function frameCode(pre: HTMLPreElement): void {
  const code = pre.querySelector("code");
  const block = cloneTemplate("code-block");
  part("code", block).textContent = (code ?? pre).textContent.replace(/\n$/, "");
  part("language", block).textContent = /^language-(\S+)$/.exec(code?.className ?? "")?.[1] ?? "";
  pre.replaceWith(block);
}

/** A wide table scrolls by itself, reachable by keyboard, and does not widen the page. */
function frameTable(table: HTMLTableElement): void {
  const frame = document.createElement("div");
  frame.className = "table-frame";
  frame.tabIndex = 0;
  table.replaceWith(frame);
  frame.append(table);
}
