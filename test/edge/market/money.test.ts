import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { ShownVersion } from "../../../edge/routes/market-schema.ts";
import { type Owner, setUp } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import {
  arrive,
  balances,
  beginToBuy,
  bought,
  checkoutOf,
  crooked,
  greet,
  installFromMarket,
  provider,
  purchase,
  refused,
  turned,
} from "./money-support.ts";
import { openMarket, person, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

let owner: Owner;
let ada: PublisherOf;
let once: ShownVersion;
let monthly: ShownVersion;
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  const rita = await reviewer(owner);
  const price = { currency: "EUR", minorUnits: 999 };
  once = await publish(ada, rita, { name: "@ada/trees", draft: { price } });
  const every = { currency: "JPY", minorUnits: 501, every: "month" as const };
  monthly = await publish(ada, rita, { name: "@ada/rings", draft: { price: every } });
});

async function buyer(): Promise<string> {
  return (await person(owner.accountId)).apiKey;
}

describe("a plugin that costs something once", () => {
  it("is paid at the provider, then installed and called; the money back ends it", async () => {
    const bob = await buyer();
    expect(await refused(await installFromMarket(bob, once.hash))).toEqual([402, "plugin_not_bought"]);
    const begun = await beginToBuy(bob, "@ada/trees");
    expect(begun).toMatchObject({
      state: "open",
      test: true,
      price: { currency: "EUR", minorUnits: 999, every: null },
    });
    expect((await beginToBuy(bob, "@ada/trees")).checkoutUrl).toBe(begun.checkoutUrl);
    const till = await provider();
    expect(await till.pay(checkoutOf(begun), "refused")).toBe(false);
    expect(await till.pay(checkoutOf(begun), "good")).toBe(true);
    // Nothing is anybody's before the provider's word has arrived.
    expect(await refused(await installFromMarket(bob, once.hash))).toEqual([402, "plugin_not_bought"]);
    await arrive();
    const paid = await purchase(bob, begun.id);
    expect(paid).toMatchObject({ state: "bought", checkoutUrl: null, payments: [{ gross: 999, left: 999 }] });
    expect(await refused(await send(bob, "POST", "/api/market/purchases", { plugin: "@ada/trees" }))).toEqual([
      409,
      "already_bought",
    ]);
    expect((await installFromMarket(bob, once.hash)).status).toBe(201);
    expect(await greet(bob, "ada/trees")).toMatchObject({ ok: true, value: "hello" });
    expect(await balances("EUR")).toMatchObject({ provider: 970, market: -271, [`held:${ada.id}`]: -699 });

    const back = await send(bob, "POST", `/api/market/purchases/${begun.id}/refund`);
    expect(await back.json()).toMatchObject({ state: "returned", refundableUntil: null, payments: [{ left: 0 }] });
    expect(await greet(bob, "ada/trees")).toMatchObject({ ok: false, error: { code: "plugin_not_bought" } });
    const again = await send(bob, "POST", `/api/market/purchases/${begun.id}/refund`);
    expect(await refused(again)).toEqual([409, "refund_over"]);
    await arrive();
    // The provider keeps its fee of what was given back: the market bears it.
    expect(await balances("EUR")).toEqual({ provider: -29, market: 29 });
    expect(await crooked()).toEqual([]);
    // Who had it back may buy it again.
    expect((await bought(bob, "@ada/trees")).state).toBe("bought");
    expect(await greet(bob, "ada/trees")).toMatchObject({ ok: true });
  });

  it("comes to the same in whatever order the provider tells it", async () => {
    for (const order of ["id", "-id"]) {
      const before = await balances("EUR");
      const eve = await buyer();
      const begun = await beginToBuy(eve, "@ada/trees");
      const till = await provider();
      await till.pay(checkoutOf(begun), "disputed");
      await till.turn(checkoutOf(begun), "dispute_lost");
      await env.DB.prepare(
        "INSERT INTO market_test_deliveries (body, due_at) SELECT body, 0 FROM market_test_deliveries",
      ).run();
      await arrive(order);
      expect((await purchase(eve, begun.id)).state).toBe("returned");
      const cost = { provider: (before["provider"] ?? 0) - 1529, market: (before["market"] ?? 0) + 1529 };
      expect(await balances("EUR")).toEqual({ ...before, ...cost });
      const waiting = await env.DB.prepare("SELECT count(*) AS n FROM ledger_waiting").first();
      expect(waiting).toEqual({ n: 0 });
    }
    expect(await crooked()).toEqual([]);
  });

  it("is one's own for nothing, and nobody's twice at once", async () => {
    expect(await refused(await send(ada.apiKey, "POST", "/api/market/purchases", { plugin: "@ada/trees" }))).toEqual([
      409,
      "already_bought",
    ]);
    expect((await installFromMarket(ada.apiKey, once.hash)).status).toBe(201);
    const eve = await buyer();
    const begun = await Promise.all(Array.from({ length: 5 }, async () => await beginToBuy(eve, "@ada/trees")));
    expect(new Set(begun.map(({ id }) => id)).size).toBe(1);
  });
});

describe("a subscription", () => {
  it("works while it is paid for, stays installed when it lapses, and works again", async () => {
    const bob = await buyer();
    const begun = await bought(bob, "@ada/rings");
    expect(begun).toMatchObject({
      state: "bought",
      price: { currency: "JPY", minorUnits: 501, every: "month" },
      subscription: { state: "active", endsItself: false },
    });
    expect((await installFromMarket(bob, monthly.hash)).status).toBe(201);
    const renewed = await turned(bob, begun, "renew");
    expect(renewed.payments).toHaveLength(2);
    expect(Date.parse(renewed.subscription?.coversUntil ?? "")).toBeGreaterThan(
      Date.parse(begun.subscription?.coversUntil ?? ""),
    );
    const cancelled = await send(bob, "POST", `/api/market/purchases/${begun.id}/cancel`);
    expect(await cancelled.json()).toMatchObject({
      subscription: { state: "active", endsItself: true },
      state: "bought",
    });
    await turned(bob, begun, "renew");
    expect(await purchase(bob, begun.id)).toMatchObject({ state: "bought", subscription: { state: "ended" } });
    expect(await refused(await send(bob, "POST", `/api/market/purchases/${begun.id}/cancel`))).toEqual([
      409,
      "purchase_state",
    ]);
    expect(await greet(bob, "ada/rings")).toMatchObject({ ok: true });
    // What was paid for passes.
    await env.DB.prepare("UPDATE market_payments SET covers_until = 1 WHERE purchase_id = ?").bind(begun.id).run();
    expect(await greet(bob, "ada/rings")).toMatchObject({ ok: false, error: { code: "subscription_over" } });
    expect(await refused(await installFromMarket(bob, monthly.hash))).toEqual([402, "subscription_over"]);
    expect((await purchase(bob, begun.id)).state).toBe("lapsed");
    expect((await bought(bob, "@ada/rings")).state).toBe("bought");
    expect(await greet(bob, "ada/rings")).toMatchObject({ ok: true });
    // Yen have no hundredths: three payments of 501 are 3 * 350 for the developer.
    expect((await balances("JPY"))[`held:${ada.id}`]).toBe(-1050);
    expect(await crooked()).toEqual([]);
  });
});
