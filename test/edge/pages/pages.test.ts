import { beforeAll, describe, expect, it } from "vitest";
import { stringsFor } from "../../../edge/pages/i18n/index.ts";
import { setUp } from "../support/edge.ts";
import { visit } from "./site.ts";

const en = stringsFor("en");
const zh = stringsFor("zh-CN");

beforeAll(async () => {
  await setUp();
});

describe("pages", () => {
  it("sends who is not signed in to the sign-in hint", async () => {
    const { response, html } = await visit("/");
    expect(response.status).toBe(401);
    expect(html).toContain(en.signIn.heading);
    expect(html).not.toContain('data-part="prompt"');
  });

  it("gives the chat to who is signed in, with the data its script needs", async () => {
    const { response, html } = await visit("/", { signedIn: true });
    expect(response.status).toBe(200);
    expect(html).toContain('data-part="prompt"');
    const json = /<script type="application\/json" id="page-data">(.*?)<\/script>/.exec(html)?.[1] ?? "";
    expect(JSON.parse(json)).toEqual({ account: "ada", strings: { ...en.client, errors: null } });
  });

  it.each(["/", "/docs", "/nowhere"])("allows nothing inline and nothing from elsewhere on %s", async (path) => {
    const { response, html } = await visit(path, { signedIn: true });
    const policy = response.headers.get("content-security-policy") ?? "";
    for (const directive of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "form-action 'self'",
      "require-trusted-types-for 'script'",
    ]) {
      expect(policy).toContain(directive);
    }
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("cache-control")).toContain("no-store");
    expect(html).not.toMatch(/\sstyle=|\son\w+=|javascript:/i);
    for (const [, address] of html.matchAll(/<(?:link|script|img|form)[^>]*(?:href|src|action)="([^"]*)"/g)) {
      expect(address).toMatch(/^\/(?!\/)/);
    }
  });

  it("answers an unknown address with a page and 404", async () => {
    const { response, html } = await visit("/nowhere");
    expect(response.status).toBe(404);
    expect(html).toContain(en.problem.notFoundHeading);
  });

  it("answers 404 for a file that is not there", async () => {
    expect((await visit("/assets/nothing.js")).response.status).toBe(404);
  });
});

describe("language", () => {
  it.each([
    ["zh", zh],
    ["zh-TW,zh;q=0.9,en;q=0.5", zh],
    ["de,en;q=0.5", en],
    ["de", en],
    ["en,zh;q=0.5", en],
    ["*;q=,,;;", en],
  ])("follows Accept-Language: %s", async (header, strings) => {
    const { html } = await visit("/", { headers: { "accept-language": header } });
    expect(html).toContain(strings.signIn.heading);
    expect(html).toContain(`<html lang="${strings === zh ? "zh-CN" : "en"}"`);
  });

  it("keeps the choice in a cookie that outweighs the header", async () => {
    const { response } = await visit("/docs?lang=zh-CN&x=1");
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/docs?x=1");
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/SameSite=Lax/);
    expect(cookie).toMatch(/Secure/);
    const headers = { cookie: cookie.split(";")[0] ?? "", "accept-language": "en" };
    expect((await visit("/", { headers })).html).toContain(zh.signIn.heading);
  });

  it("ignores a language there is not, in the address and in the cookie", async () => {
    expect((await visit("/?lang=xx")).response.status).toBe(401);
    expect((await visit("/", { headers: { cookie: "porchlight-lang=xx" } })).html).toContain(en.signIn.heading);
  });

  it("has the same keys and placeholders in every language", () => {
    const flat = (value: object, path = ""): [string, string][] =>
      Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
        typeof inner === "object" && inner !== null && !Array.isArray(inner)
          ? flat(inner, `${path}${key}.`)
          : [[path + key, (String(inner).match(/\{\w+\}/g) ?? []).toSorted().join()] satisfies [string, string]],
      );
    const { errors: _en, ...english } = en;
    const { errors: _zh, ...chinese } = zh;
    expect(flat(chinese)).toEqual(flat(english));
  });
});

describe("theme", () => {
  it("is rendered from the cookie, so that no page flashes", async () => {
    expect((await visit("/", { headers: { cookie: "porchlight-theme=dark" } })).html).toContain('data-theme="dark"');
    expect((await visit("/", { headers: { cookie: "porchlight-theme=x" } })).html).not.toContain("data-theme=");
  });
});
