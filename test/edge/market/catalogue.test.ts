import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { app } from "../../../edge/app.ts";
import type { Catalogue, CataloguePlugin } from "../../../shared/market/catalogue.ts";
import { bearer, errorOf, type Owner, request, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import { openMarket, person, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
let rita: Awaited<ReturnType<typeof reviewer>>;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  rita = await reviewer(owner);
});

async function list(search = ""): Promise<Catalogue> {
  return await (await request(`/api/market/plugins${search}`)).json();
}
const namesOf = async (search: string): Promise<string[]> => (await list(search)).plugins.map(({ name }) => name);

describe("the catalogue", () => {
  it("shows what is published, to anybody, and finds it by words of both languages", async () => {
    expect(await list()).toEqual({ plugins: [], total: 0, page: 1, pages: 0 });
    const weather = { title: { en: "Weather", zh: "天气预报" }, description: { en: "Rain and sun.", zh: "晴雨。" } };
    const published = await publish(ada, rita, {
      name: "@ada/weather",
      files: { "README.md": "# Weather" },
      draft: { ...weather, kind: "data" },
    });
    const chess = {
      title: { en: "Chess", zh: "国际象棋" },
      icon: { path: "M4 4h16v16H4z", colour: "#2f5d8a" },
      price: { currency: "EUR", minorUnits: 299, every: "month" as const },
    };
    await publish(ada, rita, { name: "@ada/chess", draft: chess });
    expect((await list("?sort=name")).plugins).toMatchObject([chess, { icon: null, price: null }]);
    const page = await (await request("/market?sort=name")).text();
    expect(page).toContain('d="M4 4h16v16H4z"');
    expect(page).toContain("€2.99 per month");
    expect(await list("?kind=data")).toMatchObject({
      total: 1,
      pages: 1,
      plugins: [
        { name: "@ada/weather", version: "1.0.0", kind: "data", publisher: "ada", official: false, ...weather },
      ],
    });
    for (const query of ["weather", "wea", "WEATHER rain", "天气", "预报", "晴", "ada weather"])
      expect(await namesOf(`?query=${encodeURIComponent(query)}`), query).toEqual(["@ada/weather"]);
    for (const query of ["snow", "weather chess", "...", '" OR 1', "*", "weather NOT rain"])
      expect(await namesOf(`?query=${encodeURIComponent(query)}`), query).toEqual([]);
    expect(await namesOf("?sort=name")).toEqual(["@ada/chess", "@ada/weather"]);
    expect(await namesOf("?sort=updated")).toEqual(["@ada/chess", "@ada/weather"]);
    expect(await namesOf("?query=ada&sort=name")).toEqual(["@ada/chess", "@ada/weather"]);
    const plugin = await (await request("/api/market/plugins/ada/weather")).json<CataloguePlugin>();
    expect(plugin).toMatchObject({
      hash: published.hash,
      readme: "# Weather",
      manifest: { name: "@ada/weather" },
      versions: [{ version: "1.0.0", state: "published", hash: published.hash }],
    });
    expect((await request("/api/market/plugins/ada/none")).status).toBe(404);
    for (const bad of ["?page=0", "?page=1e3", "?sort=price", "?kind=game", `?query=${"x".repeat(101)}`])
      expect((await request(`/api/market/plugins${bad}`)).status, bad).toBe(400);
  });

  it("hides what three people reported, until a reviewer has looked", async () => {
    await publish(ada, rita, { name: "@ada/loud" });
    const people = [
      await person(owner.accountId),
      await person(owner.accountId, "viewer"),
      await person(owner.accountId),
    ];
    const report = { version: "1.0.0", reason: "misleading", words: "It shouts." };
    const path = "/api/market/plugins/ada/loud/reports";
    const [first = people[0], second, third] = people;
    for (let times = 0; times < 4; times++)
      expect(await (await send(first?.apiKey ?? "", "POST", path, report)).json()).toEqual({ hidden: false });
    expect(await (await send(second?.apiKey ?? "", "POST", path, report)).json()).toEqual({ hidden: false });
    expect(await namesOf("?query=loud")).toEqual(["@ada/loud"]);
    expect(await (await send(third?.apiKey ?? "", "POST", path, report)).json()).toEqual({ hidden: true });
    expect(await namesOf("?query=loud")).toEqual([]);
    expect((await request("/api/market/plugins/ada/loud")).status).toBe(404);
    const reports = await (await send(rita.apiKey, "GET", "/api/market/reports")).json<{ reports: unknown[] }>();
    expect(reports.reports).toHaveLength(3);
    expect(reports.reports[0]).toMatchObject({ plugin: "@ada/loud", reason: "misleading", hidden: true });
    const denied = await send(ada.apiKey, "POST", `${path}/settle`, { decision: "show" });
    expect((await errorOf(denied)).code).toBe("market_role_needed");
    // A new version does not bring it back.
    await publish(ada, rita, { name: "@ada/loud", version: "1.0.1" });
    expect(await namesOf("?query=loud")).toEqual([]);
    expect(await (await send(rita.apiKey, "POST", `${path}/settle`, { decision: "show" })).json()).toEqual({
      hidden: false,
    });
    expect(await namesOf("?query=loud")).toEqual(["@ada/loud"]);
    expect(await (await send(rita.apiKey, "GET", "/api/market/reports")).json()).toEqual({ reports: [] });
  });

  it("of another market is shown where this edge follows that one", async () => {
    const seen: string[] = [];
    const { fetch } = globalThis;
    globalThis.fetch = async (input) => {
      const url = new URL(input instanceof Request ? input.url : input);
      seen.push(url.href);
      return await request(url.pathname + url.search);
    };
    try {
      const follower = { ...env, MARKET_ORIGIN: "https://market.test" };
      const ask = async (path: string) => await app.request(`https://follower.test${path}`, {}, follower);
      expect((await (await ask("/api/market/plugins?query=weather")).json<Catalogue>()).plugins).toHaveLength(1);
      const { hash } = await (await ask("/api/market/plugins/ada/weather")).json<CataloguePlugin>();
      expect((await ask(`/api/market/packages/${hash}`)).headers.get("content-type")).toBe("application/x-tar");
      expect((await ask("/api/market/plugins/ada/none")).status).toBe(404);
      expect(await (await ask("/api/market/tuf/1.root.json")).text()).toBe(
        await (await request("/api/market/tuf/1.root.json")).text(),
      );
      expect(seen.every((url) => url.startsWith("https://market.test/api/market/"))).toBe(true);
      globalThis.fetch = async () => new Response("<html>", { status: 200 });
      expect((await errorOf(await ask("/api/market/plugins"))).code).toBe("market_unreadable");
      const refused = await app.request(
        "https://follower.test/api/market/publisher",
        { headers: bearer(ada.apiKey) },
        follower,
      );
      expect(await errorOf(refused)).toMatchObject({
        code: "market_not_ready",
        message: expect.stringContaining("market.test"),
      });
      const page = { headers: { "content-type": "text/html" } };
      globalThis.fetch = async () => new Response("<script>1</script>", page);
      const passed = await ask("/api/market/tuf/timestamp.json");
      expect(passed.headers.get("content-type")).toBe("application/json");
      expect(passed.headers.get("content-security-policy")).toContain("default-src 'none'");
      globalThis.fetch = async () => await Promise.reject(new Error("no network"));
      expect((await errorOf(await ask("/api/market/tuf/timestamp.json"))).code).toBe("market_unreadable");
      const mistyped = { ...env, MARKET_ORIGIN: "http://market.test" };
      const answer = await app.request("https://follower.test/api/market/plugins", {}, mistyped);
      expect((await errorOf(answer)).code).toBe("market_not_ready");
    } finally {
      globalThis.fetch = fetch;
    }
  });
});
