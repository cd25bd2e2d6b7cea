import { beforeAll, describe, expect, it } from "vitest";
import { type Owner, request, setUp } from "../support/edge.ts";
import { insertSession } from "../support/people.ts";
import { send } from "../support/keys.ts";
import { handIn, openMarket, person, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

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

async function page(path: string, language = "en", userId?: string): Promise<{ status: number; html: string }> {
  const session = userId === undefined ? "" : await insertSession(userId);
  const cookie = session === "" ? {} : { cookie: session.replace("porchlight=", "__Host-porchlight=") };
  const response = await request(path, { headers: { accept: "text/html", "accept-language": language, ...cookie } });
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
    expect(tags).toEqual(new Set(["a", "code", "h3", "p", "pre", "table", "tbody", "td", "th", "thead", "tr"]));
    expect([...readme.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      "https://fine.example/page?a=1&amp;b=2",
    ]);
    expect(readme).not.toMatch(/<[^>]*\son\w+=/);
    expect(readme).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });

  it("show a publisher where each version stands, and nobody else", async () => {
    const { id } = await handIn(ada, {
      name: "@ada/trees",
      version: "1.1.0",
      code: "export default { tools: {} }; eval('1');",
    });
    const { status, html } = await page("/market/mine", "en", ada.userId);
    expect(status).toBe(200);
    expect(html).toContain("@ada/trees 1.1.0");
    expect(html).toContain("@ada/trees 1.0.0");
    expect(html).toContain(ada.keys.raw);
    expect(html).toMatch(/class="findings"[\s\S]*main\.js/);
    const stranger = await person(owner.accountId);
    const other = (await page("/market/mine", "en", stranger.userId)).html;
    expect(other).not.toContain("@ada/trees");
    expect(other).toContain("Become a publisher");
    expect((await page("/market/mine")).status).toBe(401);
    expect((await page(`/reviews/${id}`, "en", ada.userId)).status).toBe(403);
  });

  it("show a reviewer what changed, what it may do first", async () => {
    const { id } = await handIn(ada, {
      name: "@ada/courier",
      version: "1.1.0",
      code: "export default { tools: { go: { description: 'Goes.', input: { type: 'object' }, execute() { return 1; } } } };",
      draft: {
        permissions: {
          net: ["api.example.com", "more.example.com"],
          model: false,
          storageBytes: 0,
          files: false,
          secrets: [],
          tools: [],
        },
      },
    });
    expect((await page("/reviews", "en", rita.userId)).html).toContain(`href="/reviews/${id}"`);
    expect((await page("/reviews", "en", (await person(owner.accountId)).userId)).status).toBe(403);
    const before = (await page(`/reviews/${id}`, "en", rita.userId)).html;
    expect(before).toContain("Against 1.0.0.");
    expect(before).toContain("<ins>more.example.com</ins>");
    expect(before.indexOf("more.example.com")).toBeLessThan(before.indexOf("main.js"));
    expect(before).not.toContain('name="decision"');
    await send(rita.apiKey, "POST", `/api/market/desk/${id}/claim`);
    expect((await page(`/reviews/${id}`, "zh-CN", rita.userId)).html).toContain('name="decision"');
    expect((await page("/reviews/none", "en", rita.userId)).status).toBe(404);
  });
});
