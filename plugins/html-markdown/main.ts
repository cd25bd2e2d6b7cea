import { fromHtml } from "hast-util-from-html";
import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { refuseHuge } from "../shared/html-size.ts";
import { treeToMarkdown } from "../shared/markdown.ts";
import { partOf, START } from "../shared/part.ts";
import { FILE, TEXT, textOf } from "../shared/picked.ts";

const MOST_BYTES = 3_000_000;

const convert = tool({
  description:
    "Turns HTML, as a text or a picked file, into Markdown: headings, lists, tables, links, code. Scripts, styles and forms are left out. Some 6,000 characters at a time: 'next_start' says where to go on.",
  input: {
    type: "object",
    properties: {
      text: { ...TEXT, description: "The HTML; left out to take a picked file", maxLength: 500_000 },
      file: FILE,
      links: { type: "boolean", description: "Whether links and pictures are kept", default: true },
      start: START,
    },
    required: [],
    additionalProperties: false,
  },
  async execute(context) {
    const html = await textOf(context, MOST_BYTES);
    refuseHuge(html);
    const markdown = treeToMarkdown(fromHtml(html, { fragment: !/<html|<body/i.test(html) }), {
      base: undefined,
      links: context.input.links ?? true,
    });
    return partOf(markdown, context.input.start ?? 0);
  },
});

export default definePlugin({ tools: { convert } });
