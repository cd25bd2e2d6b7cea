import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { keepMoney } from "../../../edge/market/money/upkeep.ts";
import { database } from "../../../edge/store/database.ts";
import { fromPage, ORIGIN, type Owner, request, setUp } from "../support/edge.ts";
import { insertSession } from "../support/people.ts";
import { arrive, crooked, greet, installFromMarket, provider } from "./money-support.ts";
import { openMarket, person, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
let hash: string;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  const price = { currency: "USD", minorUnits: 1234, every: "year" as const };
  ({ hash } = await publish(ada, await reviewer(owner), { name: "@ada/paid", draft: { price } }));
});

async function cookieOf(userId: string): Promise<string> {
  return (await insertSession(userId)).replace("porchlight=", "__Host-porchlight=");
}

async function page(cookie: string | undefined, path: string, locale = "en"): Promise<[number, string]> {
  const headers = { accept: "text/html", "accept-language": locale, ...(cookie === undefined ? {} : { cookie }) };
  const response = await request(path, { headers });
  return [response.status, await response.text()];
}

/** A form as a browser without a script sends it. */
async function submit(cookie: string, path: string, fields: Record<string, string> = {}, more = {}): Promise<Response> {
  const headers = { ...fromPage(cookie), accept: "text/html", "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(fields).toString();
  return await request(path, { method: "POST", headers: { ...headers, ...more }, body });
}

async function followed(response: Response): Promise<string> {
  expect([response.status, await response.clone().text()]).toEqual([303, ""]);
  return (response.headers.get("location") ?? "").replace(ORIGIN, "");
}

describe("without a script", () => {
  it("somebody buys a plugin, uses it, has the money back, and the publisher is paid", async () => {
    const { userId, apiKey } = await person(owner.accountId);
    const bob = await cookieOf(userId);
    expect((await page(undefined, "/market/ada/paid"))[1]).toMatch(/\$12\.34 per year[\s\S]*Sign in to buy it/);
    const [, shop] = await page(bob, "/market/ada/paid");
    expect(shop).toMatch(/Play money[\s\S]*Subscribe for \$12\.34 per year/);
    expect(shop).not.toContain("Look at it and install");
    expect((await page(bob, "/market/ada/paid", "zh-CN"))[1]).toContain("订阅，每年 US$12.34");

    const order = await followed(await submit(bob, "/market/ada/paid/buy"));
    const [, open] = await page(bob, order);
    expect(open).toMatch(/Your order[\s\S]*Not paid yet[\s\S]*Pay \$12\.34/);
    const checkout = /href="[^"]*(\/market\/checkout\/tco_[^"]+)"/.exec(open)?.[1] ?? "";
    expect((await page(bob, checkout))[1]).toMatch(/Test checkout[\s\S]*One that the bank refuses/);
    const again = await followed(await submit(bob, checkout, { card: "refused" }));
    expect((await page(bob, again))[1]).toContain("The card was refused. Try another.");
    expect(await followed(await submit(bob, checkout, { card: "good" }))).toBe(`${order}?paid=1`);
    expect((await page(bob, `${order}?paid=1`))[1]).toContain("this page looks again by itself");
    await arrive();
    expect((await page(bob, order))[1]).toMatch(
      /Your purchase[\s\S]*Bought[\s\S]*It renews itself after[\s\S]*Receipts/,
    );
    expect((await page(bob, "/market/ada/paid"))[1]).toContain("Look at it and install");
    expect((await installFromMarket(apiKey, hash)).status).toBe(201);
    await followed(await submit(bob, checkout, { turn: "renew" }));
    await arrive();
    await followed(await submit(bob, `${order}/cancel`));
    expect((await page(bob, order))[1]).toContain("It was cancelled, and ends on");
    expect((await page(bob, "/market/purchases"))[1]).toMatch(
      /Your purchases[\s\S]*@ada\/paid[\s\S]*\$12\.34 per year/,
    );

    await followed(await submit(bob, `${order}/refund`));
    expect((await page(bob, order))[1]).toMatch(/It has ended[\s\S]*\$12\.34 went back/);
    await arrive();
    // Two years were paid for, and one is back: the other one is good still, until it is asked back as well.
    expect(await greet(apiKey, "ada/paid")).toMatchObject({ ok: true });
    await followed(await submit(bob, `${order}/refund`));
    expect(await greet(apiKey, "ada/paid")).toMatchObject({ ok: false, error: { code: "plugin_not_bought" } });
    const over = await submit(bob, `${order}/refund`);
    expect([over.status, await over.text()]).toMatchObject([
      409,
      expect.stringContaining("cannot be given back any more"),
    ]);
    expect(await crooked()).toEqual([]);
  });

  it("is not charged for once the buyer has left the edge", async () => {
    const { userId } = await person(owner.accountId);
    const cookie = await cookieOf(userId);
    const order = await followed(await submit(cookie, "/market/ada/paid/buy"));
    const id = order.split("/").at(-1) ?? "";
    await followed(await submit(cookie, `/market/checkout/tco_${id}`, { card: "good" }));
    await arrive();
    const upkeep = { db: database(env.DB), provider: await provider(), nowMs: Date.now() };
    const cancelled = async () =>
      await env.DB.prepare("SELECT cancel_at_end AS is_so FROM market_purchases WHERE id = ?").bind(id).first();
    await keepMoney(upkeep, true);
    expect(await cancelled()).toEqual({ is_so: 0 });
    await env.DB.prepare("DELETE FROM users WHERE id = ?").bind(userId).run();
    await keepMoney(upkeep, true);
    expect(await cancelled()).toEqual({ is_so: 1 });
    expect((await upkeep.provider.state.find("checkout", `tco_${id}`))?.subscription).toMatchObject({
      cancelAtEnd: true,
    });
  });

  it("is nobody else's, nor another site's", async () => {
    const [{ userId }, other] = [await person(owner.accountId), await person(owner.accountId)];
    const [bob, eve] = [await cookieOf(userId), await cookieOf(other.userId)];
    const order = await followed(await submit(bob, "/market/ada/paid/buy"));
    const checkout = `/market/checkout/tco_${order.split("/").at(-1)}`;
    for (const path of [order, checkout]) {
      expect((await page(eve, path))[0], path).toBe(404);
      expect((await page(undefined, path))[0], path).toBe(401);
    }
    for (const path of [`${order}/cancel`, `${order}/refund`, checkout])
      expect((await submit(eve, path, { card: "good" })).status, path).toBe(404);
    for (const path of ["/market/ada/paid/buy", checkout, "/market/payouts/connect", "/market/payouts/pay"]) {
      const foreign = { origin: "https://evil.test", "sec-fetch-site": "cross-site" };
      expect((await submit(bob, path, {}, foreign)).status, path).toBe(403);
    }
    for (const fields of [{}, { card: "gold" }, { card: "good", more: "x" }, { turn: "x" }, { card: "x".repeat(9000) }])
      expect((await submit(bob, checkout, fields)).status).toBeGreaterThanOrEqual(400);
    expect((await submit(bob, "/market/ada/nothing/buy")).status).toBe(404);
  });

  it("a publisher connects payouts and is paid", async () => {
    const cookie = await cookieOf(ada.userId);
    const connect = await (await submit(cookie, "/market/payouts/connect")).text();
    const account = /href="[^"]*(\/market\/checkout\/tacct_[^"]+)"/.exec(connect)?.[1] ?? "";
    expect((await page(cookie, account))[1]).toContain("I am who I say");
    const stranger = await cookieOf((await person(owner.accountId)).userId);
    expect((await page(stranger, account))[0]).toBe(404);
    expect((await submit(cookie, "/market/payouts/pay", { currency: "USD" })).status).toBe(409);
    expect(await followed(await submit(cookie, account))).toBe("/market/mine");
    await arrive();
    await env.DB.prepare(
      "INSERT INTO ledger_entries VALUES ('t', 0, 0, ?, 'USD', -700, 1), ('t', 0, 1, 'provider', 'USD', 700, 1)",
    )
      .bind(`available:${ada.id}`)
      .run();
    expect((await page(cookie, "/market/mine"))[1]).toMatch(/Payouts[\s\S]*Pay out \$7\.00 now/);
    await followed(await submit(cookie, "/market/payouts/pay", { currency: "USD" }));
    await followed(await submit(cookie, "/market/payouts/automatic", { automatic: "no" }));
    expect((await page(cookie, "/market/mine"))[1]).toMatch(/when you ask for it[\s\S]*\$7\.00[\s\S]*paid/);
    for (const bad of [{}, { currency: "usd" }, { currency: "USD", x: "1" }])
      expect((await submit(cookie, "/market/payouts/pay", bad as Record<string, string>)).status).toBe(400);
  });
});
