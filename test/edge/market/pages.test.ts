import { beforeAll, describe, expect, it } from "vitest";
import { type Owner, request, setUp } from "../support/edge.ts";
import { openMarket, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

const HOSTILE = [
  "# Hello <script>alert(1)</script>",
  "<img src=x onerror=alert(2)><iframe src='https://example.com'></iframe>",
  "[a](javascript:alert(3)) [b](data:text/html,x) [c](http://plain.example) [d](https://fine.example/page?a=1&b=2)",
  "![pixel](https://tracker.example/pixel.png)",
  '<a href="https://example.com" onclick="alert(4)">x</a>',
  '```"><script>\ncode </code></pre><script>alert(5)</script>\n```',
  "| <b onmouseover=alert(6)>t</b> |\n| --- |\n| x |",
].join("\n\n");

let owner: Owner;
let ada: PublisherOf;
let rita: Awaited<ReturnType<typeof reviewer>>;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  rita = await reviewer(owner);
  const words = {
    title: { en: "Trees & <b>more</b>", zh: "树木" },
    description: { en: "Names trees.", zh: "认识树木。" },
  };
  await publish(ada, rita, { name: "@ada/trees", files: { "README.md": HOSTILE }, draft: { ...words, kind: "data" } });
  await publish(ada, rita, {
    name: "@ada/courier",
    draft: {
      permissions: {
        net: ["api.example.com"],
        model: true,
        storageBytes: 2 ** 20,
        files: true,
        secrets: ["TOKEN"],
        tools: [],
      },
    },
  });
});

async function page(path: string, language = "en"): Promise<{ status: number; html: string }> {
  const response = await request(path, { headers: { accept: "text/html", "accept-language": language } });
  return { status: response.status, html: await response.text() };
}

describe("the pages of the market", () => {
  it("list and find plugins without a script, in both languages, for anybody", async () => {
    const { status, html } = await page("/market");
    expect(status).toBe(200);
    expect(html).toContain('href="/market/ada/trees"');
    expect(html).toContain("Trees &amp; &lt;b&gt;more&lt;/b&gt;");
    expect(html).toContain("2 plugins");
    expect((await page("/market?kind=data")).html).not.toContain("/market/ada/courier");
    expect((await page("/market?query=%E6%A0%91%E6%9C%A8", "zh-CN")).html).toContain("认识树木。");
    expect((await page("/market?query=nothing+such")).html).toContain("Nothing was found.");
    for (const bent of ["?page=0", "?page=-1", "?sort=price", "?kind=%00", `?query=${"x".repeat(500)}`]) {
      expect((await page(`/market${bent}`)).status, bent).toBe(200);
    }
  });

  it("say in words what a plugin may do, the dangerous first", async () => {
    const { html } = await page("/market/ada/courier");
    const risks = [...html.matchAll(/<li data-risk="(\w+)">([^<]+)/g)].map(([, risk, text]) => `${risk}: ${text}`);
    expect(risks).toEqual([
      "high: Send to and read from the Internet: api.example.com",
      "high: Read the files that you pick for it",
      "high: Use what you enter as: TOKEN",
      "low: Ask your own models",
      "low: Keep up to 1 MiB of its own",
    ]);
    expect((await page("/market/ada/courier", "zh-CN")).html).toContain("访问互联网（发送和读取）：api.example.com");
    expect((await page("/market/ada/none")).status).toBe(404);
  });

  it("show a stranger's README as words, never as markup of theirs", async () => {
    const { html } = await page("/market/ada/trees");
    const readme = /<div class="prose">([\s\S]*?)<\/div>/.exec(html)?.[1] ?? "";
    const tags = new Set([...readme.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag));
    expect([...tags].toSorted()).toEqual(
      ["a", "code", "h3", "p", "pre", "table", "tbody", "td", "th", "thead", "tr"].toSorted(),
    );
    expect([...readme.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      "https://fine.example/page?a=1&amp;b=2",
    ]);
    expect(readme).not.toMatch(/<[^>]*\son\w+=/);
    expect(readme).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });
});
