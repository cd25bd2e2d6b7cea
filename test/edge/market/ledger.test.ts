import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { D1Book } from "../../../edge/market/money/d1-book.ts";
import { type LedgerEvent, ledgerEventSchema } from "../../../edge/market/money/event.ts";
import { Ledger } from "../../../edge/market/money/ledger.ts";
import { database } from "../../../edge/store/database.ts";
import { request, setUp } from "../support/edge.ts";
import { insertSession } from "../support/people.ts";
import { send } from "../support/keys.ts";
import { person, publisher } from "./support.ts";
import { chanceOf, delivered, expectedBalances, purchaseStory } from "../../support/ledger/history.ts";

const book = new D1Book(database(env.DB));
const ledger = new Ledger(book);
const paid = (purchaseId: string, gross: number, more: object = {}): LedgerEvent =>
  ledgerEventSchema.parse({
    type: "paid",
    key: `paid ${purchaseId}`,
    atMs: 1,
    purchaseId,
    publisherId: "ann",
    plugin: "@ann/trees",
    currency: "CHF",
    gross,
    fee: 0,
    ...more,
  });
const refund = (purchaseId: string, key: string, amount: number): LedgerEvent => ({
  type: "refunded",
  key,
  atMs: 2,
  purchaseId,
  amount,
  reason: "asked",
});
const payout = (payoutId: string, amount: number): LedgerEvent => ({
  type: "payout_sent",
  key: `sent ${payoutId}`,
  atMs: 3,
  payoutId,
  publisherId: "ann",
  currency: "CHF",
  amount,
});

async function sums(): Promise<unknown[]> {
  const query =
    "SELECT stream, seq, SUM(amount) AS sum FROM ledger_entries GROUP BY stream, seq, currency HAVING sum <> 0";
  return (await env.DB.prepare(query).all()).results;
}

describe("the ledger in D1", () => {
  it("gives the developer 70%, rounded down, and the market the rest, to the last cent of every refund", async () => {
    expect(await ledger.record(paid("a", 999))).toBe("written");
    expect(await book.balance("held:ann", "CHF")).toBe(-699);
    expect(await book.balance("market", "CHF")).toBe(-300);
    for (const [index, amount] of [333, 1, 1, 664].entries())
      await ledger.record(refund("a", `refund ${index}`, amount));
    expect(await book.balance("held:ann", "CHF")).toBe(0);
    expect(await book.balance("market", "CHF")).toBe(0);
    expect(await book.balance("provider", "CHF")).toBe(0);
    expect(await ledger.record(refund("a", "too much", 1))).toBe("waiting");
    expect(await sums()).toEqual([]);
  });

  it("holds earnings until they are released, pays them out, and knows of debts", async () => {
    await ledger.record(paid("b", 1000));
    expect(await ledger.availableTo("ann", "CHF")).toBe(0);
    await ledger.record({ type: "released", key: "release b", atMs: 2, purchaseId: "b" });
    expect(await ledger.availableTo("ann", "CHF")).toBe(700);
    await ledger.record(payout("p1", 700));
    expect(await ledger.availableTo("ann", "CHF")).toBe(0);
    const closed = { type: "payout_closed", atMs: 4, publisherId: "ann", currency: "CHF" } as const;
    await ledger.record({ ...closed, key: "p1 failed", payoutId: "p1", outcome: "failed" });
    expect(await ledger.availableTo("ann", "CHF")).toBe(700);
    await ledger.record(payout("p2", 700));
    await ledger.record({ ...closed, key: "p2 paid", payoutId: "p2", outcome: "paid" });
    await ledger.record(refund("b", "refund b", 1000));
    expect(await ledger.availableTo("ann", "CHF")).toBe(-700);
    expect(await book.balance("transit:ann", "CHF")).toBe(0);
    expect(await book.balance("provider", "CHF")).toBe(-700);
    expect(await sums()).toEqual([]);
  });

  it("comes to the same whatever comes twice, too early, or at the same moment", async () => {
    const chance = chanceOf(7);
    const stories = Array.from({ length: 25 }, (_, id) => purchaseStory(id, chance));
    const events = delivered(
      stories.flatMap((story) => story.events),
      chance,
      60,
    );
    for (let at = 0; at < events.length; at += 4) {
      await Promise.all(events.slice(at, at + 4).map(async (event) => await ledger.record(event)));
    }
    for (const [name, amount] of expectedBalances(stories.map(({ truth }) => truth))) {
      const [account = "", currency = ""] = name.split(" ");
      expect(await book.balance(account, currency), name).toBe(amount);
    }
    const before = await env.DB.prepare("SELECT count(*) AS n FROM ledger_entries").first();
    for (const event of events.slice(0, 40)) expect(await ledger.record(event)).toBe("known");
    expect(await env.DB.prepare("SELECT count(*) AS n FROM ledger_entries").first()).toEqual(before);
    expect(await sums()).toEqual([]);
  });

  it("takes no event that is none", () => {
    for (const bad of [
      { gross: 0 },
      { gross: -5 },
      { gross: 0.5 },
      { gross: 2e9 },
      { gross: "100" },
      { currency: "usd" },
      { key: "" },
      { fee: -1 },
      { extra: 1 },
    ]) {
      expect(() => paid("bad", 100, bad), JSON.stringify(bad)).toThrow();
    }
  });
});

describe("a publisher's earnings", () => {
  it("are told by currency, and a month's statement adds up", async () => {
    const owner = await setUp();
    const ada = await publisher(owner.accountId, "ada");
    const at = (day: string): number => Date.parse(`${day}T12:00:00Z`);
    const sale = (purchaseId: string, gross: number, day: string): LedgerEvent => ({
      ...paid(purchaseId, gross, { publisherId: ada.id, currency: "EUR", plugin: "@ada/trees" }),
      atMs: at(day),
    });
    await ledger.record(sale("s1", 999, "2026-10-30"));
    await ledger.record(sale("s2", 500, "2026-11-02"));
    await ledger.record({ type: "released", key: "release s1", atMs: at("2026-11-13"), purchaseId: "s1" });
    await ledger.record({ ...refund("s2", "refund s2", 200), atMs: at("2026-11-14") });
    const sent = { payoutId: "po1", publisherId: ada.id, currency: "EUR" };
    await ledger.record({ ...sent, type: "payout_sent", key: "sent po1", atMs: at("2026-11-20"), amount: 600 });
    await ledger.record({
      ...sent,
      type: "payout_closed",
      key: "closed po1",
      atMs: at("2026-11-21"),
      outcome: "paid",
    });
    const shown = await send(ada.apiKey, "GET", "/api/market/earnings");
    expect(await shown.json()).toEqual({ balances: [{ currency: "EUR", held: 210, available: 99, transit: 0 }] });
    const statement = await send(ada.apiKey, "GET", "/api/market/earnings/statement?currency=EUR&month=2026-11");
    expect(statement.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    expect((await statement.text()).split("\r\n")).toEqual([
      "date,what,plugin,reference,gross,amount,balance,currency",
      ",opening,,,,,6.99,EUR",
      "2026-11-02T12:00:00.000Z,paid,ada/trees,s2,5.00,3.50,10.49,EUR",
      "2026-11-14T12:00:00.000Z,refunded,,s2,-2.00,-1.40,9.09,EUR",
      "2026-11-21T12:00:00.000Z,payout_closed,,po1,,-6.00,3.09,EUR",
      ",closing,,,,,3.09,EUR",
      "",
    ]);
    for (const bad of [
      "",
      "?currency=EUR",
      "?currency=EUR&month=2026-13",
      "?currency=eur&month=2026-11",
      "?month=2026-11",
    ]) {
      expect((await send(ada.apiKey, "GET", `/api/market/earnings/statement${bad}`)).status, bad).toBe(400);
    }
    const cookie = (await insertSession(ada.userId)).replace("porchlight=", "__Host-porchlight=");
    const page = await request("/market/mine", { headers: { accept: "text/html", "accept-language": "en", cookie } });
    expect(await page.text()).toMatch(/€0\.99[\s\S]*€2\.10 held for 14 days/);
    const stranger = await person(owner.accountId);
    expect((await send(stranger.apiKey, "GET", "/api/market/earnings")).status).toBe(404);
  });
});
