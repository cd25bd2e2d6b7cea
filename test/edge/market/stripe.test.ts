import { env } from "cloudflare:workers";
import { Stripe } from "stripe";
import { beforeAll, expect, it } from "vitest";
import { buy, refund, saleOf } from "../../../edge/market/money/buy.ts";
import { entitlementOf } from "../../../edge/market/money/entitlement.ts";
import { StripeProvider } from "../../../edge/market/money/provider/stripe.ts";
import { takeEvent } from "../../../edge/market/money/take-news.ts";
import { keepMoney } from "../../../edge/market/money/upkeep.ts";
import { connectPayouts } from "../../../edge/market/money/payout-desk.ts";
import { database } from "../../../edge/store/database.ts";
import { SECRET_KEY, StripeStandIn, stripeEvent } from "../../support/stripe/stand-in.ts";
import { setUp } from "../support/edge.ts";
import { balances, crooked } from "./money-support.ts";
import { openMarket, publish, publisher, type PublisherOf, reviewer } from "./support.ts";

const SECRET = "whsec_tests";
const DAY = 24 * 3600_000;
const db = database(env.DB);
const standIn = new StripeStandIn();
const provider = new StripeProvider({
  secretKey: SECRET_KEY,
  webhookSecrets: [SECRET],
  fetch: async (input, init) => await standIn.handle(new Request(input, init)),
});

let ada: PublisherOf;
beforeAll(async () => {
  const owner = await setUp();
  await openMarket(owner.apiKey);
  ada = await publisher(owner.accountId, "ada");
  const price = { currency: "EUR", minorUnits: 1000 };
  await publish(ada, await reviewer(owner), { name: "@ada/paid", draft: { price } });
});

/** An event of Stripe, signed by the SDK as Stripe signs it. */
async function tell(id: string, type: string, object: object): Promise<void> {
  const payload = stripeEvent(id, type, object);
  const header = await new Stripe(SECRET_KEY).webhooks.generateTestHeaderStringAsync({ payload, secret: SECRET });
  await takeEvent(db, await provider.readWebhook(payload, new Headers({ "stripe-signature": header })));
}

it("in workerd, with Stripe's SDK: sold, disputed too early, won, released, transferred, refunded", async () => {
  const selling = { db, provider, nowMs: Date.now() };
  const bought = async (userId: string, intent: string): Promise<string> => {
    const { id } = await buy(selling, { userId, plugin: "@ada/paid", origin: "https://edge.test" });
    standIn.paid(intent, 1000, "eur", 50);
    const charge = standIn.objects.get(`ch_${intent}`);
    // As if it were paid now: the stand-in's clock stands still.
    standIn.put({
      ...standIn.objects.get(intent),
      id: intent,
      latest_charge: { ...charge, created: Date.now() / 1000 },
    });
    return id;
  };
  const one = await bought("bob", "pi_1");
  const dispute = { id: "dp_1", payment_intent: "pi_1", amount: 1000, currency: "eur", balance_transactions: [] };
  const done = { mode: "payment", subscription: null, payment_status: "paid", payment_intent: "pi_1" };
  await tell("evt_3", "charge.dispute.closed", { ...dispute, status: "won" });
  await tell("evt_2", "charge.dispute.funds_withdrawn", dispute);
  await tell("evt_1", "checkout.session.completed", { ...done, metadata: { purchase: one } });
  await tell("evt_1", "checkout.session.completed", { ...done, metadata: { purchase: one } });
  expect(await entitlementOf(db, "bob", "@ada/paid", Date.now())).toBe("bought");
  expect(await balances("EUR")).toEqual({ provider: 950, market: -250, [`held:${ada.id}`]: -700 });

  await connectPayouts(selling, ada.id, "https://edge.test/market/mine");
  const account = [...standIn.objects.values()].find(({ object }) => object === "account")?.id ?? "";
  standIn.put({ id: account, object: "account", payouts_enabled: true, capabilities: { transfers: "active" } });
  await tell("evt_4", "account.updated", { id: account });
  await env.DB.prepare("UPDATE market_payees SET automatic = 1").run();
  await keepMoney({ ...selling, nowMs: Date.now() + 15 * DAY }, true);
  // 7.00 is less than what is paid by itself.
  expect(await balances("EUR")).toMatchObject({ [`available:${ada.id}`]: -700 });
  const two = await bought("eve", "pi_2");
  await tell("evt_5", "checkout.session.completed", { ...done, payment_intent: "pi_2", metadata: { purchase: two } });
  await refund(selling, await saleOf(db, "eve", two));
  expect(await entitlementOf(db, "eve", "@ada/paid", Date.now())).toBe("none");
  const refunded = { id: [...standIn.objects.keys()].find((id) => id.startsWith("re_")), payment_intent: "pi_2" };
  await tell("evt_6", "refund.updated", { ...refunded, amount: 1000, status: "succeeded", metadata: {} });
  const three = await bought("ann", "pi_3");
  await tell("evt_7", "checkout.session.completed", { ...done, payment_intent: "pi_3", metadata: { purchase: three } });
  await keepMoney({ ...selling, nowMs: Date.now() + 15 * DAY }, true);
  const transfer = [...standIn.objects.values()].find(({ object }) => object === "transfer");
  expect(transfer).toMatchObject({ destination: account, amount: 1400, currency: "eur" });
  // Three payments, each less 50; one went back; 14.00 were transferred.
  expect(await balances("EUR")).toEqual({ provider: 450, market: -450 });
  expect(await crooked()).toEqual([]);
});
