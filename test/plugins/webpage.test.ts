import { afterAll, describe, expect, test } from "vitest";
import { guardedFetch } from "../../node-agent/edge/guarded-fetch.ts";
import type { HostPorts } from "../../shared/plugin/host/grants.ts";
import { firstParty } from "../support/first-party.ts";

const webpage = await firstParty("webpage");
afterAll(async () => await webpage.stop());

const PARAGRAPH =
  "The lamp at the end of the porch was lit every evening, so that nobody who came home late had to look for the door. ";
const ARTICLE = `<!doctype html><html><head><title>The lamp - A site</title><meta property="article:published_time" content="2026-03-01">
<meta property="og:site_name" content="A site"></head><body><nav><a href="/menu">Menu entry</a></nav>
<article><h1>The lamp</h1><p class="byline">By Ada</p><p>${PARAGRAPH.repeat(4)}</p><h2>Oil</h2><p>${PARAGRAPH.repeat(3)}See <a href="../oil?a=1">about oil</a>.</p>
<table><thead><tr><th>Month</th><th>Litres | cost</th></tr></thead><tbody><tr><td>May</td><td>3</td></tr><tr><td>June</td><td>2</td></tr></tbody></table>
<p>${PARAGRAPH.repeat(3)}<img src="x.png" alt="a lamp"></p><script>document.write("scripted")</script></article>
<aside>Buy a car now</aside><footer>Imprint</footer></body></html>`;

type Pages = Record<string, Response | (() => Response)>;
function site(pages: Pages): HostPorts & { asked: Request[] } {
  const asked: Request[] = [];
  return {
    asked,
    guardedFetch: async (request) => {
      asked.push(request);
      const page = pages[request.url];
      return (typeof page === "function" ? page() : page?.clone()) ?? new Response("nothing", { status: 404 });
    },
  };
}
const html = (text: string | Uint8Array<ArrayBuffer>, type = "text/html; charset=utf-8"): Response =>
  new Response(text, { headers: { "content-type": type } });
const read = async (input: object, ports: HostPorts): Promise<Record<string, unknown>> =>
  (await webpage.call("read", input, ports)) as Record<string, unknown>;

describe("read", () => {
  test("gives the article as markdown, without what is around it", async () => {
    const answer = await read({ url: "example.com/a/lamp" }, site({ "https://example.com/a/lamp": html(ARTICLE) }));
    expect(answer).toMatchObject({
      url: "https://example.com/a/lamp",
      title: expect.stringContaining("The lamp"),
      site: "A site",
      published: "2026-03-01",
      truncated: false,
    });
    const text = String(answer["text"]);
    expect(text).toContain("## Oil");
    expect(text).toMatch(/\| Month \| Litres \\\| cost \|/);
    expect(text).toContain("a lamp");
    for (const unwanted of ["Menu entry", "Buy a car", "scripted", "](https"]) expect(text).not.toContain(unwanted);
  });

  test("keeps links on request, as whole addresses", async () => {
    const ports = site({ "https://example.com/a/lamp": html(ARTICLE) });
    const { text } = await read({ url: "http://example.com/a/lamp#oil", links: true }, ports);
    expect(text).toContain("[about oil](https://example.com/oil?a=1)");
  });

  test("gives a long page in parts that join", async () => {
    const paragraphs = Array.from({ length: 120 }, (_, index) => `<p>${index}. ${PARAGRAPH}</p>`).join("");
    const ports = site({
      "https://example.com/long": html(`<html><body><article>${paragraphs}</article></body></html>`),
    });
    const parts: string[] = [];
    for (let start: unknown = 0; start !== undefined; ) {
      const answer = await read({ url: "https://example.com/long", start }, ports);
      parts.push(String(answer["text"]));
      start = answer["next_start"];
    }
    expect(parts.length).toBeGreaterThan(2);
    expect(parts.join("").match(/^\d+\\?\. /gm)).toHaveLength(120);
    await expect(read({ url: "https://example.com/long", start: 1e6 }, ports)).rejects.toThrow(/ends at character/);
  });

  const GBK = new Uint8Array([
    ...new TextEncoder().encode("<html><head><meta charset=gbk></head><body><p>"),
    0xd6,
    0xd0,
    0xce,
    0xc4,
    ...new TextEncoder().encode("</p></body></html>"),
  ]);
  test.each([
    ["by the page's own word", html(GBK, "text/html"), "中文"],
    ["though the server says UTF-8", html(GBK, "text/html; charset=utf-8"), "中文"],
    ["of Japan", html(new Uint8Array([0x82, 0xa0, 0x82, 0xa2]), "text/html; charset=Shift_JIS"), "あい"],
    ["of a set nobody knows", html("<p>plain</p>", "text/html; charset=klingon-8"), "plain"],
    ["in UTF-16", html(new Uint8Array([0xff, 0xfe, 0x3c, 0, 0x70, 0, 0x3e, 0, 0x68, 0, 0x69, 0]), "text/html"), "hi"],
    ["that is plain text", html("just words", "text/plain"), "just words"],
    ["that is JSON", html('{"a":1}', "application/json"), '{"a":1}'],
  ])("reads a page %s", async (_, page, text) => {
    expect(await read({ url: "https://example.com/" }, site({ "https://example.com/": page }))).toMatchObject({ text });
  });
});

test.each([
  ["of many elements", "<p><b>x</b> words</p>".repeat(8_000)],
  ["of elements that are not closed", "<p>words <ul><li>item<li>item</ul>".repeat(2_000)],
  ["of elements that nest as they are not closed", "<p>words <li>item".repeat(25_000)],
  ["as deep as is read", `${"<div>".repeat(200)}deep ${PARAGRAPH}${"</div>".repeat(200)}`],
  ["of one long paragraph", `<p>${PARAGRAPH.repeat(15_000)}</p>`],
  ["of broken tags", "<a<b<".repeat(20_000)],
])("a page %s is read in seconds", async (_, body) => {
  const from = performance.now();
  const ports = site({ "https://example.com/": html(`<html><body>${body}</body></html>`) });
  await read({ url: "https://example.com/" }, ports).catch((error: unknown) =>
    expect(String(error)).toMatch(/too many|too deep|no text/),
  );
  expect(performance.now() - from).toBeLessThan(20_000);
});

test("find gives the passages that are about the words", async () => {
  const ports = site({ "https://example.com/a/lamp": html(ARTICLE) });
  const answer = (await webpage.call("find", { url: "example.com/a/lamp", words: "litres in June" }, ports)) as {
    passages: { start: number; text: string }[];
  };
  expect(answer.passages[0]?.text).toContain("June");
  await expect(webpage.call("find", { url: "example.com/a/lamp", words: "zebra" }, ports)).rejects.toThrow(
    /None of these/,
  );
});

test("links are told once each, as whole addresses", async () => {
  const ports = site({ "https://example.com/a/lamp": html(ARTICLE) });
  expect(await webpage.call("links", { url: "https://example.com/a/lamp", contains: "oil" }, ports)).toEqual({
    url: "https://example.com/a/lamp",
    links: [{ text: "about oil", url: "https://example.com/oil?a=1" }],
    count: 1,
    truncated: false,
  });
});

describe("what cannot be read is told with the way out", () => {
  const endless = (): Response =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(97)),
      }),
      { headers: { "content-type": "text/html" } },
    );
  test.each<[string, Response | (() => Response), RegExp]>([
    ["50 MB and more", endless, /larger than 8 MB/],
    ["a redirect to itself", () => new Response(null, { status: 302, headers: { location: "/" } }), /without an end/],
    [
      "a redirect to a private address",
      () => new Response(null, { status: 302, headers: { location: "https://192.168.1.1/" } }),
      /public hosts/,
    ],
    [
      "a redirect without TLS",
      () => new Response(null, { status: 301, headers: { location: "http://example.org/" } }),
      /https/,
    ],
    ["a PDF", html("%PDF-1.7", "application/pdf"), /Ask the user to download/],
    ["a picture", html("x", "image/png"), /a file \(image\/png\)/],
    ["nothing there", new Response("", { status: 404 }), /404: there is no such page/],
    ["a closed door", new Response("", { status: 403 }), /403: it does not let/],
    ["an empty page", html("<html><body><script>x</script></body></html>"), /no text of its own/],
    ["100,000 nested parts", html(`<html><body>${"<div>".repeat(100_000)}deep`), /nested too deep/],
    ["200,000 parts", html(`<html><body>${"<b>x</b>".repeat(200_000)}`), /too many elements/],
  ])("%s", async (_, page, message) => {
    await expect(read({ url: "https://example.com/" }, site({ "https://example.com/": page }))).rejects.toThrow(
      message,
    );
  });

  test.each([
    "https://localhost/",
    "https://10.0.0.1/",
    "https://[fd00::1]/",
    "https://nas.local/",
    "ftp://example.com/",
    "javascript:alert(1)",
    "https://example.com:22/",
    "not an address",
  ])("%s is not asked for", async (url) => {
    const ports = site({});
    await expect(read({ url }, ports)).rejects.toThrow(/public hosts|not the address/);
    expect(ports.asked).toEqual([]);
  });

  test("a name that leads to a private address", async () => {
    const ports = {
      guardedFetch: guardedFetch({ allowed: [], resolve: async () => [{ address: "169.254.169.254", family: 4 }] }),
    };
    await expect(read({ url: "https://example.com/" }, ports)).rejects.toThrow(
      /cannot be reached: no such site, or it is not public/,
    );
  });

  test("without the permission", async () => {
    await expect(read({ url: "https://example.com/" }, {})).rejects.toThrow(/was not allowed/);
  });
});
