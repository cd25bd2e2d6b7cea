import { env } from "cloudflare:workers";
import { beforeAll, expect, it, vi } from "vitest";
import { z } from "zod";
import { buy, cancel, listSales, refund } from "../../../edge/market/money/buy.ts";
import { entitlementOf } from "../../../edge/market/money/entitlement.ts";
import { MONEY_LIMITS } from "../../../edge/market/money/limits.ts";
import { connectPayouts } from "../../../edge/market/money/payout-desk.ts";
import { type TestCard, TestProvider, type TestTurn } from "../../../edge/market/money/provider/test.ts";
import { putClawback } from "../../../edge/market/money/sales.ts";
import { developerShare } from "../../../edge/market/money/share.ts";
import { takeEvent } from "../../../edge/market/money/take-news.ts";
import { keepMoney } from "../../../edge/market/money/upkeep.ts";
import { database } from "../../../edge/store/database.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { chanceOf } from "../../support/ledger/history.ts";
import { setUp } from "../support/edge.ts";
import { crooked } from "./money-support.ts";
import { openMarket, person, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

const DAY = 24 * 3600_000;
/** More of them, with other seeds, found nothing; each takes a second. */
const STORIES = 1;
const STEPS = 40;
const PLUGINS = { "@ada/once": "EUR", "@ada/monthly": "JPY" } as const;
const CARDS: readonly TestCard[] = ["good", "good", "good", "refused", "disputed"];
const TURNS: readonly TestTurn[] = [
  "renew",
  "renew",
  "renewal_refused",
  "lapse",
  "dispute",
  "dispute_won",
  "dispute_lost",
];
const db = database(env.DB);

let ada: PublisherOf;
let buyers: string[];
beforeAll(async () => {
  const owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  const rita = await reviewer(owner);
  const once = { currency: "EUR", minorUnits: 997 };
  const monthly = { currency: "JPY", minorUnits: 301, every: "month" as const };
  await publish(ada, rita, { name: "@ada/once", draft: { price: once } });
  await publish(ada, rita, { name: "@ada/monthly", draft: { price: monthly } });
  buyers = [];
  for (let i = 0; i < 3; i++) buyers.push((await person(owner.accountId)).userId);
});

/** Steps that may be refused, for a reason that a person can be told. */
async function tried(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof PorchlightError) || error.code === "internal") throw error;
  }
}

const paymentSchema = z.object({ amount: z.number(), refunded: z.number(), dispute: z.string() });

/** What the provider has of a buyer's payments: whether any is left, and covers this moment. */
async function truthOf(userId: string, plugin: string, nowMs: number): Promise<boolean> {
  const rows = await env.DB.prepare(
    `SELECT o.body, p.covers_until FROM market_test_objects o JOIN market_payments p ON p.id = o.id
       JOIN market_purchases s ON s.id = p.purchase_id WHERE s.user_id = ? AND s.plugin = ?`,
  )
    .bind(userId, plugin)
    .all<{ body: string; covers_until: number | null }>();
  return rows.results.some(({ body, covers_until: until }) => {
    const { amount, refunded, dispute } = paymentSchema.parse(JSON.parse(body));
    const left = dispute === "open" || dispute === "lost" ? 0 : amount - refunded;
    return left > 0 && (until === null || until + MONEY_LIMITS.graceMs > nowMs);
  });
}

/** What developer and market have, and what the provider really keeps for them. */
async function expectEveryUnit(): Promise<void> {
  const { results } = await env.DB.prepare(
    "SELECT o.body, p.currency FROM market_test_objects o JOIN market_payments p ON p.id = o.id",
  ).all<{
    body: string;
    currency: string;
  }>();
  for (const currency of Object.values(PLUGINS)) {
    const payments = results
      .filter((row) => row.currency === currency)
      .map(({ body }) => paymentSchema.parse(JSON.parse(body)));
    const sum = (of: (payment: z.infer<typeof paymentSchema>) => number): number =>
      payments.reduce((total, payment) => total + of(payment), 0);
    const kept = ({ amount, refunded, dispute }: z.infer<typeof paymentSchema>): number =>
      dispute === "lost" ? 0 : amount - refunded;
    const fees = sum(({ amount, dispute }) => Math.floor((amount * 3) / 100) + (dispute === "none" ? 0 : 1500));
    const rows = await env.DB.prepare(
      "SELECT account, sum(amount) AS sum FROM ledger_entries WHERE currency = ? GROUP BY account",
    )
      .bind(currency)
      .all<{ account: string; sum: number }>();
    const balance = (account: string): number => rows.results.find((row) => row.account === account)?.sum ?? 0;
    const { paid } = z.object({ paid: z.number().nullable() }).parse(
      await env.DB.prepare(
        `SELECT sum(json_extract(event, '$.amount')) AS paid FROM ledger_events
           WHERE json_extract(event, '$.type') = 'payout_sent' AND json_extract(event, '$.currency') = ?`,
      )
        .bind(currency)
        .first(),
    );
    const developer = -balance(`held:${ada.id}`) - balance(`available:${ada.id}`) + (paid ?? 0);
    expect(developer, currency).toBe(sum((payment) => developerShare(kept(payment))));
    expect(developer - balance("market") + fees, currency).toBe(sum(kept));
    const disputed = sum(({ amount, refunded, dispute }) => (dispute === "open" ? amount - refunded : 0));
    expect(balance("disputed"), currency).toBe(disputed);
    expect(balance("provider"), currency).toBe(sum(kept) - disputed - fees - (paid ?? 0));
  }
}

it("comes out even, whatever people, banks and webhooks do in whatever order", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const secret = `whsec_${"A".repeat(43)}=`;
  const post = new TestProvider({ db, secret });
  for (let story = 0; story < STORIES; story++) {
    const chance = chanceOf(20_261_123 + story);
    const any = <T>(of: readonly T[]): T | undefined => of[Math.floor(chance() * of.length)];
    let nowMs = Date.now() + story * 1000 * DAY;
    const provider = new TestProvider({ db, secret, now: () => nowMs, chance });
    const selling = () => ({ db, provider, nowMs });
    await connectPayouts(selling(), ada.id, "https://edge.test/market/mine");
    await tried(async () => await provider.finishOnboarding(`tacct_${ada.id}`));
    /** Some of the webhooks under way arrive, whichever. */
    const arrive = async (most: number): Promise<void> => {
      const { results } = await env.DB.prepare("SELECT id FROM market_test_deliveries").all<{ id: number }>();
      const order = results.map(({ id }) => ({ id, at: chance() })).toSorted((a, b) => a.at - b.at);
      for (const { id } of order.slice(0, most)) {
        await env.DB.prepare("UPDATE market_test_deliveries SET due_at = iif(id = ?, 0, 9e15)").bind(id).run();
        await post.deliver(async (body, headers) => void (await takeEvent(db, await post.readWebhook(body, headers))));
      }
    };
    for (let step = 0; step < STEPS; step++) {
      const [userId = "", plugin = "@ada/once"] = [any(buyers), any(["@ada/once", "@ada/monthly"])];
      const sale = any(await listSales(db, userId, 2));
      const kind = Math.floor(chance() * 9);
      if (kind <= 2)
        await tried(async () => {
          const begun = await buy(selling(), { userId, plugin, origin: "https://edge.test" });
          await provider.pay(begun.checkoutId ?? "", any(CARDS) ?? "good");
        });
      if (kind === 3 && sale) await tried(async () => await provider.turn(`tco_${sale.id}`, any(TURNS) ?? "renew"));
      if (kind === 4 && sale) await tried(async () => await refund(selling(), sale));
      if (kind === 5 && sale) await tried(async () => await cancel(selling(), sale));
      if (kind === 6) nowMs += Math.floor(chance() * 6) * DAY;
      if (kind === 7) await keepMoney(selling(), true);
      if (kind === 8 && chance() < 0.1) await putClawback(db, plugin, nowMs);
      await arrive(Math.floor(chance() * 3));
    }
    await arrive(Infinity);
    await keepMoney(selling(), true);
    await arrive(Infinity);
    for (const userId of buyers) {
      for (const plugin of Object.keys(PLUGINS)) {
        const is = (await entitlementOf(db, userId, plugin, nowMs)) === "bought";
        expect(is, `${story} ${plugin}`).toBe(await truthOf(userId, plugin, nowMs));
      }
    }
    expect(await env.DB.prepare("SELECT count(*) AS n FROM ledger_waiting").first()).toEqual({ n: 0 });
    expect(await crooked()).toEqual([]);
    await expectEveryUnit();
  }
  vi.restoreAllMocks();
});
