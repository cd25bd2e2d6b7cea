import { Marked, type Token, type Tokens } from "marked";

/** Inline tags without attributes that pass as markup; every other piece of raw HTML is shown as the text it is. */
const PLAIN_TAG = /^<\/?(?:b|i|u|s|em|strong|sub|sup|kbd|mark|br)\s*\/?>$/i;

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => (PLAIN_TAG.test(text.trim()) ? text : escapeHtml(text)),
    // A picture would be fetched from wherever the model says, and could carry the conversation away: a link asks first.
    image: ({ href, text }: Tokens.Image) => `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
    checkbox: ({ checked }: Tokens.Checkbox) => (checked ? "☑ " : "☐ "),
  },
});

/** Markdown to HTML, not yet sanitised: the caller passes it through DOMPurify. */
export function renderMarkdown(text: string): string {
  return marked.parse(text, { async: false });
}

/** How many blocks at the end may still change their meaning when more text comes (a list that goes on, a table's first row). */
const OPEN_BLOCKS = 2;

/** A table's first row without the row under it: shown only when it is a table, not as a line of bars first. */
const TABLE_BEGINNING = /(^|\n\n)\|[^\n]*(?:\n[|:\- ]*)?$/;

/**
 * Markdown that grows. Blocks that can no longer change are handed out once, so that a step costs what the last blocks cost and
 * not what the whole answer costs. `finish` says whether the pieces add up to what one rendering of the whole text gives.
 */
export class GrowingMarkdown {
  private text = "";
  private settledChars = 0;
  private settledHtml = "";

  /** Takes the whole text so far (it only ever grows). `settled`: HTML of blocks that are final now; `open`: HTML of the rest. */
  update(text: string): { settled: string; open: string } {
    // The lexer reads every line ending as "\n"; the same here, or the lengths of its blocks would not add up.
    this.text = text.replaceAll(/\r\n?/g, "\n");
    const tokens = marked.lexer(this.text.slice(this.settledChars).replace(TABLE_BEGINNING, "$1"));
    const links = tokens.links;
    const solid = tokens.filter((token) => token.type !== "space").length;
    let toSettle = Math.max(0, solid - OPEN_BLOCKS);
    const closed: Token[] = [];
    while (toSettle > 0 && tokens.length > 0) {
      const token = tokens.shift();
      if (token === undefined) break;
      if (token.type !== "space") toSettle -= 1;
      closed.push(token);
      this.settledChars += token.raw.length;
    }
    const settled = marked.parser(Object.assign(closed, { links }));
    this.settledHtml += settled;
    return { settled, open: marked.parser(tokens) };
  }

  /** The whole text's HTML if the settled pieces plus `open` differ from it (links defined further down), else undefined. */
  finish(open: string): string | undefined {
    const whole = renderMarkdown(this.text);
    return this.settledHtml + open === whole ? undefined : whole;
  }
}
