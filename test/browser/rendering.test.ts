import { describe, expect, it } from "vitest";
import { answerSlowly, answerWith, chatOn, ended, importConversation } from "./chat-page.ts";
import { useVisitors } from "./visitor.ts";

const { visit } = useVisitors();

const HOSTILE = [
  "<script>globalThis.hacked = 1</script>",
  "<img src=x onerror='globalThis.hacked = 2'>",
  "<svg onload='globalThis.hacked = 3'><a xlink:href='javascript:globalThis.hacked=4'>x</a></svg>",
  "[click](javascript:globalThis.hacked=5)",
  "[click]( jAvAsCrIpT&colon;globalThis.hacked=6 )",
  "[data](data:text/html,<script>globalThis.hacked=7</script>)",
  "![pixel](https://tracker.example/pixel.png?secret)",
  '<a href="https://example.com" onclick="globalThis.hacked=8" style="position:fixed">x</a>',
  "<iframe src='https://example.com'></iframe><form action='https://example.com'><input name=a></form>",
  "<style>body { display: none }</style><link rel=stylesheet href=https://example.com/x.css>",
  "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=globalThis.hacked=9&gt;'>",
  '```"><img src=x onerror=globalThis.hacked=10>\ncode\n```',
  "| <img src=x onerror=globalThis.hacked=11> |\n| --- |\n| <b onmouseover=globalThis.hacked=12>b</b> |",
  '<div class="toast" data-action="stop" id="prompt">fake</div>',
].join("\n\n");

const RICH = [
  "# Heading",
  "A [link](https://example.com/page), **bold** and `code`.",
  "| Name | Value |\n| :-- | --: |\n| a_rather_long_name_without_any_spaces_at_all | 1 |",
  `\`\`\`python\nprint("${"x".repeat(200)}")\n\`\`\``,
  "unbroken".repeat(60),
  "3. three\n4. four",
].join("\n\n");

describe("answers", () => {
  it("cannot run, load, style or fake anything", async () => {
    const { page } = await visit();
    const chat = chatOn(page);
    await answerWith(page, HOSTILE);
    await chat.askAndWait("Attack!");
    // As it came, and as it is kept.
    const id = await importConversation(page, "Attack!", [["Attack!", HOSTILE]]);
    await page.goto(`/?session=${id}`);
    await chat.answer.waitFor();
    await chat.answerText.hover();
    expect(await page.evaluate(() => Reflect.get(globalThis, "hacked"))).toBeUndefined();
    const body = await chat.answerText.evaluate((element) => ({
      tags: [...new Set(Array.from(element.querySelectorAll("*"), (inner) => inner.localName))],
      attributes: [
        ...new Set(
          Array.from(element.querySelectorAll(":not(.code-block, .code-block *)"), (inner) =>
            inner.getAttributeNames(),
          ).flat(),
        ),
      ],
      links: Array.from(element.querySelectorAll("a"), (link) => [link.getAttribute("href"), link.target, link.rel]),
    }));
    expect(body.tags).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(script|img|iframe|form|input|style|link|math)$/)]),
    );
    expect(
      body.attributes.filter((name) => !["class", "href", "target", "rel", "align", "tabindex"].includes(name)),
    ).toEqual([]);
    for (const [href, target, rel] of body.links) {
      if (href !== null) expect(href).toMatch(/^https:\/\//);
      expect([target, rel]).toEqual(["_blank", "noopener noreferrer"]);
    }
    expect(await chat.prompt.isVisible()).toBe(true);
    // What was not markup is there to be read.
    expect(await chat.answerText.innerText()).toContain("<script>globalThis.hacked = 1</script>");
  });

  it("are rendered as markdown, with a copy button on code", async () => {
    const { page, context } = await visit();
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const chat = chatOn(page);
    await answerWith(page, RICH);
    await chat.askAndWait("Show me.");
    const body = chat.answerText;
    expect(await body.getByRole("heading", { name: "Heading" }).count()).toBe(1);
    expect(await body.getByRole("cell", { name: "1" }).getAttribute("align")).toBe("right");
    expect(await body.locator("ol").getAttribute("start")).toBe("3");
    expect(await body.getByText("python").count()).toBe(1);
    await body.getByRole("button", { name: "Copy the code" }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`print("${"x".repeat(200)}")`);
  });

  it.each([390, 1280])("never make the page scroll sideways at %d pixels", async (width) => {
    const { page } = await visit({ viewport: { width, height: 800 } });
    await answerWith(page, RICH);
    await chatOn(page).askAndWait(`Show me ${"w".repeat(300)}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect(await page.locator("#content").evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  });

  it("scroll along while the reader is at the end, and stay put when not", async () => {
    const { page } = await visit({ viewport: { width: 600, height: 400 } });
    const chat = chatOn(page);
    const jump = page.getByRole("button", { name: "Go to the latest message" });
    const scroller = page.locator("#content");
    const measure = () =>
      scroller.evaluate(({ scrollTop, scrollHeight, clientHeight }) => {
        return { top: scrollTop, height: scrollHeight, fromEnd: scrollHeight - scrollTop - clientHeight };
      });
    const grownBeyond = async (height: number): Promise<void> => {
      await expect
        .poll(async () => (await measure()).height, { timeout: 10_000, interval: 20 })
        .toBeGreaterThan(height);
    };
    await answerSlowly(page, Array.from({ length: 300 }, (_, index) => `Paragraph number ${index}.`).join("\n\n"), 10);
    await chat.ask("Long, please.");
    await grownBeyond(800);
    expect((await measure()).fromEnd).toBeLessThan(30);
    expect(await jump.isVisible()).toBe(false);

    await scroller.hover();
    await page.mouse.wheel(0, -150);
    await jump.waitFor();
    const away = await measure();
    await grownBeyond(away.height + 100);
    expect((await measure()).top).toBe(away.top);

    await jump.click();
    await grownBeyond((await measure()).height + 50);
    expect((await measure()).fromEnd).toBeLessThan(30);
    await chat.stop.click();
    await ended(chat.answer);
  });
});
