import { Marked, type Tokens } from "marked";

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Headings of a README begin below the page's own. */
const BELOW = 2;

/**
 * Markdown of strangers: everything that marked writes by itself is text or a plain tag. Raw HTML is shown as the text it is, pictures as their
 * words (nothing is loaded from elsewhere), and links lead to https only.
 */
const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escapeHtml(text),
    image: ({ text }: Tokens.Image) => escapeHtml(text),
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "☑ " : "☐ "),
    link({ href, tokens }: Tokens.Link) {
      const words = this.parser.parseInline(tokens);
      const url = URL.parse(href);
      if (url?.protocol !== "https:") return words;
      return `<a href="${escapeHtml(url.href)}" rel="nofollow noopener noreferrer ugc">${words}</a>`;
    },
    heading({ tokens, depth }: Tokens.Heading) {
      const level = Math.min(6, depth + BELOW);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    code: ({ text }: Tokens.Code) => `<pre tabindex="0"><code>${escapeHtml(text)}</code></pre>`,
  },
});

/** A plugin's own words. */
export function Readme({ text }: { text: string }) {
  return <div class="prose" dangerouslySetInnerHTML={{ __html: marked.parse(text, { async: false }) }} />;
}
