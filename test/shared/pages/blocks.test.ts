import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GrowingMarkdown, renderMarkdown } from "../../../edge/pages/client/logic/blocks.ts";

const LONG = [
  "# Title",
  "A *paragraph* with `code`, a [link](https://example.com) and <b>bold</b>.",
  "- one\n- two\n  - inner\n\n- loose",
  "1. first\n\n2. second\n\n   continued",
  "| a | b |\n| --- | ---: |\n| 1 | 2 |\n| 3 | 4 |",
  "```ts\nconst x = 1;\n\nconst y = 2;\n```",
  "> quoted\n> more\n\n> another",
  "Setext\n===",
  "---",
  "    indented code",
  "A [reference][later] used early.",
  "<div>html</div>",
  "[later]: https://example.com/later",
  "中文段落。\n第二行。",
];

/** Streams the text in the given pieces and returns what stands on the page at the end. */
function grow(pieces: readonly string[]): string {
  const growing = new GrowingMarkdown();
  let text = "";
  let settled = "";
  let open = "";
  for (const piece of pieces) {
    text += piece;
    const step = growing.update(text);
    settled += step.settled;
    open = step.open;
  }
  return growing.finish(open) ?? settled + open;
}

const pieces = fc.array(fc.constantFrom(...LONG), { minLength: 1, maxLength: 6 }).chain((blocks) => {
  const text = blocks.join("\n\n");
  return fc.array(fc.nat(text.length), { maxLength: 20 }).map((cuts) => {
    const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
    return places.slice(1).map((place, index) => text.slice(places[index], place));
  });
});

describe("GrowingMarkdown", () => {
  it("ends with what one rendering of the whole text gives, however it came", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        expect(grow(parts)).toBe(renderMarkdown(parts.join("")));
      }),
      { numRuns: 500 },
    );
  });

  it("hands a block out once, and does not render it again", () => {
    const growing = new GrowingMarkdown();
    const paragraphs = Array.from({ length: 50 }, (_, index) => `Paragraph ${index}.`);
    let settled = "";
    let longestOpen = 0;
    for (let count = 1; count <= paragraphs.length; count++) {
      const step = growing.update(paragraphs.slice(0, count).join("\n\n"));
      settled += step.settled;
      longestOpen = Math.max(longestOpen, step.open.length);
    }
    expect(settled.match(/<p>/g)).toHaveLength(48);
    expect(longestOpen).toBeLessThan(80);
  });

  it("does not show a table's first row as a line of bars", () => {
    const growing = new GrowingMarkdown();
    expect(growing.update("Look:\n\n| a | b |").open).toBe("<p>Look:</p>\n");
    expect(growing.update("Look:\n\n| a | b |\n| -").open).toBe("<p>Look:</p>\n");
    expect(growing.update("Look:\n\n| a | b |\n| --- | --- |\n").open).toContain("<table>");
  });

  it("reads Windows line endings", () => {
    expect(grow(["one\r\n\r", "\ntwo\r\n\r\nthree", "\r\n\r\nfour"])).toBe(
      renderMarkdown("one\n\ntwo\n\nthree\n\nfour"),
    );
  });
});

describe("renderMarkdown", () => {
  it.each([
    ["<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"],
    ["a <img src=x onerror=alert(1)> b", "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>\n"],
    ["a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b</b></p>\n"],
    ["Use <button> here", "<p>Use &lt;button&gt; here</p>\n"],
    ["H<sub>2</sub>O", "<p>H<sub>2</sub>O</p>\n"],
  ])("shows raw HTML as text but for plain inline tags: %s", (text, html) => {
    expect(renderMarkdown(text)).toBe(html);
  });

  it("turns a picture into a link, so that nothing is fetched", () => {
    const html = renderMarkdown('![cat"](https://example.com/cat.png?q=%22)');
    expect(html).toBe('<p><a href="https://example.com/cat.png?q=%22">cat&quot;</a></p>\n');
  });
});
