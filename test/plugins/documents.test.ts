import { afterAll, describe, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";
import { picked } from "../support/picked-files.ts";
import { smallPdf } from "../support/small-pdf.ts";

const [pdf, html, diff] = await Promise.all([firstParty("pdf-text"), firstParty("html-markdown"), firstParty("diff")]);
afterAll(async () => await Promise.all([pdf.stop(), html.stop(), diff.stop()]));

describe("pdf-text", () => {
  const many = Array.from(
    { length: 150 },
    (_, index) => `Page ${index + 1} says that ships sail by night, and by day as well.`,
  );
  const book = smallPdf(["On ships.", "On lighthouses.", ...many, "The end."]);
  const files = picked([{ name: "book.pdf", content: book }]);

  test("reads pages, and says where to go on", async () => {
    const texts: string[] = [];
    for (let page: number | undefined = 1; page !== undefined; ) {
      const part = (await pdf.call("read", { page }, { files })) as { pages: { text: string }[]; next_page?: number };
      expect(JSON.stringify(part).length).toBeLessThan(12_000);
      texts.push(...part.pages.map(({ text }) => text));
      page = part.next_page;
    }
    expect(texts).toEqual(["On ships.", "On lighthouses.", ...many, "The end."]);
    await expect(pdf.call("read", { page: 154 }, { files })).rejects.toThrow(/has 153 pages/);
  });

  test("finds the page that holds a word", async () => {
    expect(await pdf.call("find", { words: "lighthouses?" }, { files })).toMatchObject({
      found: [{ page: 2, text: "On lighthouses." }],
      count: 1,
    });
    await expect(pdf.call("find", { words: "zebra" }, { files })).rejects.toThrow(/None of these words/);
  });

  test.each([
    ["a text", "hello", /not a PDF/],
    ["half a PDF", smallPdf(["a"]).slice(0, 300), /not a PDF|pictures/],
    ["a PDF of pictures", smallPdf(["", ""]), /pictures of pages/],
  ])("refuses %s in words", async (_, content, message) => {
    const answer = pdf.call("read", {}, { files: picked([{ name: "x.pdf", content }]) });
    await expect(answer.then(JSON.stringify, String)).resolves.toMatch(message);
  });
});

describe("html-markdown", () => {
  const convert = async (text: string, rest = {}): Promise<{ text: string; truncated: boolean }> =>
    (await html.call("convert", { text, ...rest })) as { text: string; truncated: boolean };

  test.each([
    ["<h1>A</h1><p>b <em>c</em> <strong>d</strong></p>", "# A\n\nb *c* **d**"],
    ["<ul><li>a<ul><li>b</li></ul></li></ul>", "- a\n  - b"],
    ["<ol start=3><li>a</li><li>b</li></ol>", "3. a\n4. b"],
    ["<pre><code class=language-js>let a = 1;\n</code></pre>", "```js\nlet a = 1;\n```"],
    ["<table><tr><th>a|b</th></tr><tr><td>1</td></tr></table>", "| a\\|b |\n| ---- |\n| 1    |"],
    [
      '<a href="https://example.com/">x</a> <a href="/rel">y</a> <a href="javascript:alert(1)">z</a>',
      "[x](https://example.com/) y z",
    ],
    ["<script>evil()</script><style>p{}</style><p>fine", "fine"],
    ["<p>2 * 3 * 4 and [x] and # y</p>", "2 \\* 3 \\* 4 and \\[x] and # y"],
    ["<p>中文&nbsp;&amp; &lt;tags&gt;</p>", "中文\u00a0& \\<tags>"],
  ])("%s", async (source, markdown) => {
    expect((await convert(source)).text).toBe(markdown);
  });

  test("takes a file, leaves out links on request, and gives long texts in parts", async () => {
    const files = picked([
      { name: "a.html", content: '<html><body><a href="https://example.com/">x</a></body></html>' },
    ]);
    expect(await html.call("convert", { links: false }, { files })).toMatchObject({ text: "x" });
    const long = `<p>${"word ".repeat(3_000)}</p>`;
    expect(await convert(long)).toMatchObject({ truncated: true, next_start: 6_000 });
  });

  test.each(["<div>".repeat(50_000), "<b>".repeat(2_000), "<p>x</p>".repeat(62_000)])(
    "%.12s without an end is refused",
    async (source) => {
      await expect(convert(source)).rejects.toThrow(/too deep|too many/);
    },
  );
});

describe("diff", () => {
  const compare = async (input: object, files?: ReturnType<typeof picked>): Promise<unknown> =>
    await diff.call("compare", input, files === undefined ? {} : { files });

  test("shows lines that changed", async () => {
    expect(await compare({ before: "a\nb\nc\n", after: "a\nB\nc\n" })).toEqual({
      identical: false,
      added: 1,
      removed: 1,
      changes: expect.stringContaining("-b\n+B\n"),
      truncated: false,
    });
    expect(await compare({ before: "a\r\nb", after: "a\nb" })).toMatchObject({ identical: true, changes: "" });
  });

  test("shows words that changed", async () => {
    expect(await compare({ before: "The lamp is red.", after: "The lamp is blue.", by: "words" })).toMatchObject({
      changes: "The lamp is [-red-]{+blue+}.",
    });
  });

  test("takes two picked files in their order, or by name", async () => {
    const files = picked([
      { name: "old.txt", content: "one\n" },
      { name: "new.txt", content: "two\n" },
    ]);
    expect(await compare({}, files)).toMatchObject({
      changes: expect.stringMatching(/--- old.txt[^]*\+\+\+ new.txt[^]*-one\n\+two/),
    });
    expect(await compare({ before_file: "new.txt", after_file: "old.txt" }, files)).toMatchObject({
      changes: expect.stringContaining("-two\n+one"),
    });
    await expect(compare({})).rejects.toThrow(/Give 'before' and 'after'/);
  });

  test("ends soon for texts that have nothing in common", async () => {
    const text = (start: number): string =>
      Array.from({ length: 30_000 }, (_, index) => `${(index * 7919 + start) % 100_003}`).join("\n");
    const from = performance.now();
    await compare({ before: text(1), after: text(50_000) }).catch((error: unknown) =>
      expect(String(error)).toMatch(/too little in common/),
    );
    expect(performance.now() - from).toBeLessThan(25_000);
  });
});
