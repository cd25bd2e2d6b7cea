import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startStack } from "../support/stack.ts";
import { chatOn, importConversation } from "./chat-page.ts";
import { startChromium } from "./chromium.ts";

/** What a model says that a stranger has turned: each would carry a secret away without a click, if it worked. */
const to = (way: string): string => `https://secret-${way}.evil.example/${way}`;
const ANSWER = [
  `![a picture](${to("image")})`,
  `[![a picture in a link](${to("linked-image")})](${to("link")})`,
  `![by reference][1]\n\n[1]: ${to("reference")}`,
  `A link: [here](${to("anchor")}), <${to("auto")}>, ${to("bare")} and www.secret-www.evil.example.`,
  `<img src="${to("img")}" srcset="${to("srcset")} 2x">`,
  `<picture><source srcset="${to("source")}"><img></picture><video poster="${to("poster")}" src="${to("video")}" autoplay></video>`,
  `<audio src="${to("audio")}" autoplay></audio><embed src="${to("embed")}"><object data="${to("object")}"></object>`,
  `<iframe src="${to("iframe")}"></iframe><form action="${to("form")}"><input type="image" src="${to("input")}"></form>`,
  `<link rel="stylesheet" href="${to("stylesheet")}"><link rel="dns-prefetch" href="${to("dns")}"><link rel="preconnect" href="${to("preconnect")}">`,
  `<link rel="prefetch" href="${to("prefetch")}"><meta http-equiv="refresh" content="0;url=${to("refresh")}"><base href="${to("base")}">`,
  `<style>@import url(${to("import")}); body { background: url(${to("background")}) }</style><p style="background:url(${to("style")})">x</p>`,
  `<svg><image href="${to("svg")}"/><use href="${to("use")}"/><style>@import "${to("svg-style")}"</style></svg>`,
  `<math href="${to("math")}"><mi xlink:href="${to("xlink")}">x</mi></math><a href="${to("ping")}" ping="${to("pinged")}">x</a>`,
  `<script src="${to("script")}"></script><script type="speculationrules">{"prefetch":[{"urls":["${to("speculation")}"]}]}</script>`,
  `<table background="${to("table")}"><tr><td background="${to("cell")}">x</td></tr></table><body background="${to("body")}">`,
  `\`\`\`html\n<img src="${to("code")}">\n\`\`\``,
  `[1]: ${to("definition")} "onerror"`,
  `| ![cell](${to("table-image")}) |\n| --- |\n| <img src=${to("table-html")}> |`,
].join("\n\n");

it("carries nothing away without a click, not even by a look-up of a name", { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "porchlight-netlog-"));
  const log = join(folder, "net.json");
  const stack = await startStack();
  // All that the browser does on the network, name look-ups among it, is in this log.
  const browser = await startChromium([`--log-net-log=${log}`]);
  try {
    const context = await browser.newContext({ baseURL: stack.origin, locale: "en" });
    const page = await context.newPage();
    await page.goto(stack.signInUrl);
    const id = await importConversation(page, "Injected", [[`What does it say? ${ANSWER}`, ANSWER]]);
    const shown = await page.goto(`/?session=${id}`);
    expect(await shown?.headerValue("x-dns-prefetch-control")).toBe("off");
    const chat = chatOn(page);
    await chat.answerText.getByText("a picture in a link").waitFor();
    for (const link of await chat.answerText.locator("a:visible").all()) await link.hover();
    await page.waitForLoadState("networkidle");
    // That the log would show it.
    await page.goto("https://seen.control.example/").catch(() => undefined);
  } finally {
    await browser.close();
    await stack.stop();
  }
  const text = await readFile(log, "utf8");
  await rm(folder, { recursive: true });
  expect(text).toContain("seen.control.example");
  expect([...new Set(text.match(/secret-[a-z-]+\.evil\.example/g) ?? [])]).toEqual([]);
});
