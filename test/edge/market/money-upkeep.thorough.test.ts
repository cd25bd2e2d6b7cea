import { env } from "cloudflare:workers";
import { runDurableObjectAlarm } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { marketOf } from "../../../edge/market/market.ts";
import { MONEY_LIMITS } from "../../../edge/market/money/limits.ts";
import { requireEntitled } from "../../../edge/market/money/entitlement.ts";
import { paymentProvider } from "../../../edge/market/money/provider/choose.ts";
import type { PaymentProvider } from "../../../edge/market/money/provider/provider.ts";
import { takeEvent } from "../../../edge/market/money/take-news.ts";
import { keepMoney } from "../../../edge/market/money/upkeep.ts";
import { buy } from "../../../edge/market/money/buy.ts";
import { database } from "../../../edge/store/database.ts";
import { MODULE } from "../../support/market.ts";
import { errorOf, type Owner, setUp, statusesOf } from "../support/edge.ts";
import { send } from "../support/keys.ts";
import {
  arrive,
  balances,
  bought,
  crooked,
  greet,
  installFromMarket,
  provider,
  purchase,
  refused,
  turned,
  webhook,
} from "./money-support.ts";
import { openMarket, person, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

const DAY = 24 * 3600_000;
const db = database(env.DB);

let owner: Owner;
let rita: { apiKey: string };
beforeAll(async () => {
  owner = await setUp();
  await openMarket(owner.apiKey);
  rita = await reviewer(owner);
});

async function buyer(): Promise<string> {
  return (await person(owner.accountId)).apiKey;
}

/** A publisher with one plugin that costs something, with code of its own. */
async function seller(namespace: string, currency: string, minorUnits: number) {
  const who = await publisher(owner.accountId, namespace);
  const price = { currency, minorUnits };
  const wanted = { name: `@${namespace}/paid`, code: `// ${namespace}\n${MODULE}`, draft: { price } };
  const version = await publish(who, rita, wanted);
  return { who, version, plugin: `@${namespace}/paid` };
}

async function connect(who: PublisherOf): Promise<void> {
  const asked = await send(who.apiKey, "POST", "/api/market/payouts/connect");
  const { url } = await asked.json<{ url: string }>();
  await (await provider()).finishOnboarding(url.split("/").at(-1) ?? "");
  await arrive();
}

/** What the market does by itself so many days from now. */
async function upkeep(days: number, by?: PaymentProvider): Promise<void> {
  await keepMoney({ db, provider: by ?? (await provider()), nowMs: Date.now() + days * DAY }, true);
}

async function earnings(who: PublisherOf): Promise<unknown> {
  const { balances: found } = await (await send(who.apiKey, "GET", "/api/market/earnings")).json<{
    balances: unknown[];
  }>();
  return found[0];
}

describe("what was held", () => {
  it("is released after 14 days, once, and paid out by itself where that is wanted", async () => {
    const { who, plugin } = await seller("held", "SEK", 2001);
    await bought(await buyer(), plugin);
    await upkeep(13);
    expect(await earnings(who)).toEqual({ currency: "SEK", held: 1400, available: 0, transit: 0 });
    await Promise.all([upkeep(14.1), upkeep(14.1), upkeep(14.1)]);
    await upkeep(15);
    expect(await earnings(who)).toEqual({ currency: "SEK", held: 0, available: 1400, transit: 0 });
    expect(await refused(await send(who.apiKey, "POST", "/api/market/payouts", { currency: "SEK" }))).toEqual([
      409,
      "payout_not_ready",
    ]);
    await connect(who);
    await upkeep(15);
    await upkeep(15);
    expect(await earnings(who)).toEqual({ currency: "SEK", held: 0, available: 0, transit: 0 });
    const shown = await (await send(who.apiKey, "GET", "/api/market/payouts")).json<{ payouts: unknown[] }>();
    expect(shown).toMatchObject({ provider: "test", payoutsEnabled: true, automatic: true });
    expect(shown.payouts).toEqual([{ id: `payout_${who.id}_SEK_1`, currency: "SEK", amount: 1400, state: "paid" }]);
    // 2001, less the provider's fee of 60, less what was paid out: the market has 601, and bore the fee.
    expect(await balances("SEK")).toEqual({ provider: 541, market: -541 });
  });

  it("waits while a dispute is open, and is owed where money went back after it was paid", async () => {
    const { who, plugin } = await seller("owed", "NOK", 3000);
    await connect(who);
    const [first, second] = [await buyer(), await buyer()];
    const one = await bought(first, plugin, "disputed");
    expect(one.state).toBe("returned");
    await upkeep(20);
    expect(await earnings(who)).toMatchObject({ held: 2100, available: 0 });
    expect((await turned(first, one, "dispute_won")).state).toBe("bought");
    await upkeep(20);
    expect(await earnings(who)).toMatchObject({ held: 2100 });
    await upkeep(22);
    expect(await earnings(who)).toMatchObject({ held: 0, available: 0, transit: 0 });

    const two = await bought(second, plugin);
    await upkeep(15);
    await turned(second, two, "dispute");
    await turned(second, two, "dispute_lost");
    expect(await earnings(who)).toMatchObject({ held: 0, available: -2100, transit: 0 });
    // What is owed is taken from what comes next; nobody is paid out of a debt.
    await bought(await buyer(), plugin);
    await upkeep(15);
    expect(await earnings(who)).toMatchObject({ available: 0 });
    await bought(await buyer(), plugin);
    await upkeep(15);
    const { payouts } = await (await send(who.apiKey, "GET", "/api/market/payouts")).json<{
      payouts: { amount: number }[];
    }>();
    expect(payouts.map(({ amount }) => amount)).toEqual([2100, 2100, 2100]);
    expect(await crooked()).toEqual([]);
    const { disputes, waiting } = await (await send(owner.apiKey, "GET", "/api/market/disputes")).json<{
      disputes: { state: string; amount: number; plugin: string }[];
      waiting: unknown[];
    }>();
    expect(disputes.every(({ amount, plugin: of }) => amount === 3000 && of === plugin)).toBe(true);
    expect(disputes.map(({ state }) => state).toSorted((a, b) => a.localeCompare(b))).toEqual(["lost", "won"]);
    expect(waiting).toEqual([]);
    expect(await refused(await send(who.apiKey, "GET", "/api/market/disputes"))).toEqual([403, "market_role_needed"]);
  });
});

describe("a payout", () => {
  it("is the same one after a crash, and comes back where the provider refuses it", async () => {
    const { who, plugin } = await seller("crash", "DKK", 2000);
    await connect(who);
    await bought(await buyer(), plugin);
    const real = await provider();
    const asked: string[] = [];
    let answer: "lost" | "failed" | "paid" = "lost";
    const broken: PaymentProvider = Object.create(real, {
      transfer: {
        value: async (of: Parameters<PaymentProvider["transfer"]>[0]) => {
          asked.push(`${of.key} ${of.amount}`);
          if (answer !== "lost") return answer;
          await Promise.resolve();
          throw new Error("the answer was lost");
        },
      },
    });
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await upkeep(15, broken);
    await upkeep(15, broken);
    expect(await earnings(who)).toMatchObject({ available: 0, transit: 1400 });
    expect(asked).toEqual(Array.from({ length: 2 }, () => `payout_${who.id}_DKK_1 1400`));
    answer = "failed";
    await upkeep(15, broken);
    expect(await earnings(who)).toMatchObject({ available: 1400, transit: 0 });
    // Not again on the same day; then as another one.
    await upkeep(15.5, broken);
    expect(asked).toHaveLength(3);
    answer = "paid";
    await upkeep(17, broken);
    expect(asked.at(-1)).toBe(`payout_${who.id}_DKK_2 1400`);
    expect(await earnings(who)).toMatchObject({ available: 0, transit: 0 });
    vi.restoreAllMocks();
    expect(await crooked()).toEqual([]);
  });

  it("asked for ten times at once is made once", async () => {
    const { who, plugin } = await seller("once", "CZK", 50_000);
    await connect(who);
    await send(who.apiKey, "PATCH", "/api/market/payouts", { automatic: false });
    await bought(await buyer(), plugin);
    await upkeep(15);
    expect(await earnings(who)).toMatchObject({ available: 35_000 });
    const answers = await Promise.all(
      Array.from(
        { length: 10 },
        async () => await send(who.apiKey, "POST", "/api/market/payouts", { currency: "CZK" }),
      ),
    );
    expect(statusesOf(answers)).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
    expect(await earnings(who)).toMatchObject({ available: 0, transit: 0 });
  });
});

describe("a malware verdict", () => {
  it("gives every buyer the money back, and leaves the publisher owing what was paid out", async () => {
    const { who, version, plugin } = await seller("bad", "JPY", 1001);
    await connect(who);
    const [paidOut, held, disputed] = [await buyer(), await buyer(), await buyer()];
    const first = await bought(paidOut, plugin);
    await installFromMarket(paidOut, version.hash);
    await upkeep(15);
    // Too little to be paid out by itself: it is asked for.
    expect(await earnings(who)).toMatchObject({ held: 0, available: 700 });
    const second = await bought(held, plugin);
    const third = await bought(disputed, plugin, "disputed");
    expect(await earnings(who)).toMatchObject({ held: 1400, available: 700 });
    expect((await send(who.apiKey, "POST", "/api/market/payouts", { currency: "JPY" })).status).toBe(201);

    const why = { reason: "malware", words: "it sends files away" };
    expect((await send(rita.apiKey, "POST", `/api/market/desk/${version.id}/revoke`, why)).status).toBe(200);
    await runDurableObjectAlarm(marketOf(env));
    await arrive();
    for (const [key, { id }] of [
      [paidOut, first],
      [held, second],
    ] as const)
      expect(await purchase(key, id)).toMatchObject({ state: "returned", payments: [{ left: 0 }] });
    expect(await earnings(who)).toMatchObject({ held: 700, available: -700 });
    // What the bank held back is given back once it is free.
    await turned(disputed, third, "dispute_won");
    await marketOf(env).wake();
    await runDurableObjectAlarm(marketOf(env));
    await arrive();
    expect((await purchase(disputed, third.id)).payments[0]?.left).toBe(0);
    expect(await earnings(who)).toEqual({ currency: "JPY", held: 0, available: -700, transit: 0 });
    expect(await greet(paidOut, "bad/paid")).toMatchObject({ ok: false, error: { code: "plugin_revoked" } });
    expect(await refused(await send(held, "POST", "/api/market/purchases", { plugin }))).toEqual([404, "not_found"]);
    expect(await crooked()).toEqual([]);
    await balances("JPY");
  });
});

describe("webhooks", () => {
  it("are taken once by their id, and only with the provider's signature", async () => {
    const test = await provider();
    const { plugin } = await seller("hooks", "PLN", 500);
    const begun = await buy(
      { db, provider: test, nowMs: Date.now() },
      { userId: "somebody", plugin, origin: "https://edge.test" },
    );
    await test.pay(begun.checkoutId ?? "", "good");
    const sent: [string, Headers][] = [];
    await env.DB.prepare("UPDATE market_test_deliveries SET due_at = 0").run();
    await test.deliver(async (body, headers) => {
      sent.push([body, headers]);
      await Promise.resolve();
    });
    for (const [body, headers] of [...sent, ...sent]) {
      expect((await webhook(body, Object.fromEntries(headers))).status).toBe(200);
    }
    const rows = await env.DB.prepare(
      "SELECT count(*) AS n FROM ledger_events WHERE event LIKE '%hooks/paid%'",
    ).first();
    expect(rows).toEqual({ n: 1 });
    const [body = "", headers = new Headers()] = sent[0] ?? [];
    const good = Object.fromEntries(headers);
    const old = { ...good, "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 3600) };
    for (const [bad, signed] of [
      [body, {}],
      [`${body} `, good],
      [body, old],
      [body, { ...good, "webhook-signature": "v1,AAAA" }],
      ["", good],
      ["{}", good],
      ["\u0000".repeat(100), { "stripe-signature": "t=1,v1=00" }],
    ] as const)
      expect(await refused(await webhook(bad, signed))).toEqual([400, "webhook_signature_invalid"]);
    const large = await webhook("x".repeat(MONEY_LIMITS.webhookBytes + 1), good);
    expect([large.status, (await errorOf(large)).code]).toEqual([413, "body_too_large"]);
  });

  it("of purchases that nobody made here change nothing", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const before = await env.DB.prepare("SELECT count(*) AS n FROM ledger_entries").first();
    const payment = { type: "payment", purchaseId: "pur_none", payment: "pi_none", currency: "EUR" } as const;
    const event = { id: "evt_none", type: "x", atMs: 1 };
    const news = [{ ...payment, gross: 100, paidAtMs: 1, coversUntilMs: null, receiptUrl: null }];
    expect(await takeEvent(db, { ...event, news })).toBe("taken");
    expect(await takeEvent(db, { ...event, news })).toBe("known");
    vi.restoreAllMocks();
    expect(await env.DB.prepare("SELECT count(*) AS n FROM ledger_entries").first()).toEqual(before);
  });
});

describe("an edge that follows another market", () => {
  it("has what costs nothing, and says where the rest is sold", async () => {
    const follower = { ...env, MARKET_ORIGIN: "https://market.test" };
    const price = { currency: "EUR", minorUnits: 100 };
    await requireEntitled(follower, "u", { name: "@x/free" });
    await requireEntitled(follower, "u", { name: "@x/free", price: { ...price, minorUnits: 0 } });
    await expect(requireEntitled(follower, "u", { name: "@x/paid", price })).rejects.toMatchObject({
      code: "plugin_not_bought",
      message: expect.stringContaining("https://market.test"),
    });
    expect(await paymentProvider(follower)).toBeUndefined();
    // Here nobody sells it: it is somebody's own file.
    await requireEntitled(env, "u", { name: "@nobody/paid", price });
  });
});

describe("a market without a provider", () => {
  it("says by name which plugin it cannot sell, and in which currency", async () => {
    const { plugin } = await seller("closed", "EUR", 100);
    const of = { userId: "u", plugin, origin: "https://edge.test" };
    await expect(buy({ db, provider: undefined, nowMs: Date.now() }, of)).rejects.toMatchObject({
      code: "payments_off",
      message: expect.stringContaining(plugin),
    });
    const odd = await seller("odd", "ISK", 100);
    await expect(
      buy({ db, provider: await provider(), nowMs: Date.now() }, { ...of, plugin: odd.plugin }),
    ).rejects.toMatchObject({ code: "payments_off", message: expect.stringContaining("ISK") });
  });
});
