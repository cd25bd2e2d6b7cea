import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Stripe } from "stripe";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StripeProvider } from "../../edge/market/money/provider/stripe.ts";
import type { Order } from "../../edge/market/money/provider/provider.ts";
import { refusal, SECRET_KEY, StripeStandIn, stripeEvent } from "../support/stripe/stand-in.ts";

const SECRETS = ["whsec_platform", "whsec_connect"];
const ORDER: Order = {
  id: "pur_1",
  title: "Trees & 树",
  currency: "EUR",
  amount: 999,
  every: null,
  doneUrl: "https://edge.test/market/purchases/pur_1",
  cancelUrl: "https://edge.test/market/ada/trees",
};

let standIn: StripeStandIn;
let server: ReturnType<typeof createAdaptorServer>;
let provider: StripeProvider;
beforeEach(async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  standIn = new StripeStandIn();
  server = createAdaptorServer({ fetch: standIn.handle });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server's address is an object.
  const { port } = server.address() as AddressInfo;
  provider = new StripeProvider({
    secretKey: SECRET_KEY,
    webhookSecrets: SECRETS,
    server: { host: "127.0.0.1", port, protocol: "http" },
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  server.close();
  await once(server, "close");
});

describe("a checkout at Stripe", () => {
  it("is asked for by a form with the price in minor units, once for each purchase", async () => {
    const made = await provider.createCheckout(ORDER);
    expect(made).toEqual({ id: "cs_test_1", url: "https://checkout.stripe.test/c/cs_test_1" });
    expect(await provider.createCheckout(ORDER)).toEqual(made);
    expect(standIn.asked[0]).toEqual({
      method: "POST",
      path: "/v1/checkout/sessions",
      idempotencyKey: "checkout pur_1",
      account: null,
      fields: {
        mode: "payment",
        client_reference_id: "pur_1",
        "metadata[purchase]": "pur_1",
        success_url: ORDER.doneUrl,
        cancel_url: ORDER.cancelUrl,
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "999",
        "line_items[0][price_data][product_data][name]": "Trees & 树",
        "payment_intent_data[metadata][purchase]": "pur_1",
        "payment_intent_data[transfer_group]": "pur_1",
      },
    });
    // Another order under the same purchase would be a mistake of ours: Stripe refuses it.
    await expect(provider.createCheckout({ ...ORDER, amount: 1 })).rejects.toMatchObject({ code: "payment_failed" });
  });

  it("of a subscription renews, in yen by the yen", async () => {
    await provider.createCheckout({ ...ORDER, id: "pur_2", currency: "JPY", amount: 500, every: "month" });
    const { fields } = standIn.asked[0] ?? { fields: {} };
    expect(fields).toMatchObject({
      mode: "subscription",
      "line_items[0][price_data][currency]": "jpy",
      "line_items[0][price_data][unit_amount]": "500",
      "line_items[0][price_data][recurring][interval]": "month",
      "subscription_data[metadata][purchase]": "pur_2",
    });
    expect(Object.keys(fields).filter((name) => name.startsWith("payment_intent_data"))).toEqual([]);
  });

  it("is closed, also where it is closed already", async () => {
    const { id } = await provider.createCheckout(ORDER);
    await provider.closeCheckout(id);
    await provider.closeCheckout(id);
    expect(standIn.objects.get(id)).toMatchObject({ status: "expired" });
    await expect(provider.closeCheckout("cs_none")).rejects.toMatchObject({ code: "payment_failed" });
  });

  it("is tried again under the same key where Stripe is down, and refused in our words where it refuses", async () => {
    standIn.broken.push(() => refusal(503, "api_error", "down"));
    await provider.createCheckout(ORDER);
    expect(standIn.asked.map(({ idempotencyKey }) => idempotencyKey)).toEqual(Array(2).fill("checkout pur_1"));
    standIn.broken.push(() => refusal(400, "invalid_request_error", "sk_test_standin may not sell"));
    const refused = provider.createCheckout({ ...ORDER, id: "pur_3" });
    await expect(refused).rejects.toMatchObject({ code: "payment_failed" });
    await expect(refused).rejects.not.toThrow(/sk_test/);
    const bad = new StripeProvider({
      secretKey: "sk_test_wrong",
      webhookSecrets: [],
      fetch: async (input, init) => await standIn.handle(new Request(input, init)),
    });
    await expect(bad.createCheckout(ORDER)).rejects.toMatchObject({ code: "payment_failed" });
    expect([bad.isTest, new StripeProvider({ secretKey: "sk_live_x", webhookSecrets: [] }).isTest]).toEqual([
      true,
      false,
    ]);
  });
});

describe("refunds and subscriptions", () => {
  it("give back once under a key, and tell of it", async () => {
    standIn.paid("pi_1", 999, "eur", 59);
    const of = { payment: "pi_1", amount: 999, reason: "malware", key: "malware pi_1 999" } as const;
    const news = await provider.refund(of);
    expect(news).toEqual([{ type: "refunded", payment: "pi_1", refund: "re_1", amount: 999, reason: "malware" }]);
    expect(await provider.refund(of)).toEqual(news);
    expect(standIn.asked[0]).toMatchObject({
      path: "/v1/refunds",
      idempotencyKey: "malware pi_1 999",
      fields: { payment_intent: "pi_1", amount: "999", "metadata[reason]": "malware" },
    });
    await expect(provider.refund({ ...of, key: "another" })).rejects.toMatchObject({ code: "payment_failed" });
  });

  it("end at the end or now, and where they have ended already", async () => {
    standIn.put({ id: "sub_1", object: "subscription", status: "active" });
    await provider.cancelSubscription("sub_1", "at_end");
    expect(standIn.objects.get("sub_1")).toMatchObject({ status: "active", cancel_at_period_end: true });
    await provider.cancelSubscription("sub_1", "now");
    await provider.cancelSubscription("sub_1", "now");
    await provider.cancelSubscription("sub_1", "at_end");
    expect(standIn.objects.get("sub_1")).toMatchObject({ status: "canceled" });
    await expect(provider.cancelSubscription("sub_none", "now")).rejects.toMatchObject({ code: "payment_failed" });
  });
});

describe("a publisher's account", () => {
  it("is made once, led to its onboarding, and paid by transfers that are made once", async () => {
    const account = await provider.createAccount({ publisherId: "p1", key: "account p1" });
    expect(await provider.createAccount({ publisherId: "p1", key: "account p1" })).toBe(account);
    expect(standIn.asked[0]).toMatchObject({
      path: "/v1/accounts",
      idempotencyKey: "account p1",
      fields: {
        "controller[fees][payer]": "application",
        "controller[losses][payments]": "application",
        "controller[stripe_dashboard][type]": "express",
        "capabilities[transfers][requested]": "true",
        "metadata[publisher]": "p1",
      },
    });
    expect(await provider.onboardingUrl(account, "https://edge.test/market/mine")).toBe(
      "https://connect.stripe.test/s",
    );
    expect(standIn.asked.at(-1)?.fields).toEqual({
      account,
      type: "account_onboarding",
      return_url: "https://edge.test/market/mine",
      refresh_url: "https://edge.test/market/mine",
    });
    expect(await provider.payoutsEnabled(account)).toBe(false);
    const transfer = { key: "payout_p1_JPY_1", account, currency: "JPY", amount: 700 };
    expect(await provider.transfer(transfer)).toBe("failed");
    standIn.put({ id: account, object: "account", payouts_enabled: true, capabilities: { transfers: "active" } });
    expect(await provider.payoutsEnabled(account)).toBe(true);
    const again = { ...transfer, key: "payout_p1_JPY_2" };
    expect(await provider.transfer(again)).toBe("paid");
    expect(standIn.asked.at(-1)).toMatchObject({
      method: "POST",
      path: "/v1/transfers",
      idempotencyKey: "payout_p1_JPY_2",
      account: null,
      fields: { destination: account, currency: "jpy", amount: "700", transfer_group: "payout_p1_JPY_2" },
    });
    // Also when Stripe has forgotten the key.
    expect(await provider.transfer(again)).toBe("paid");
    const transfers = [...standIn.objects.values()].filter(({ object }) => object === "transfer");
    expect(transfers).toHaveLength(1);
    standIn.broken.push(() => refusal(429, "rate_limit_error", "slower"));
    await expect(provider.transfer({ ...again, key: "payout_p1_JPY_3" })).rejects.toMatchObject({
      code: "payment_failed",
    });
  });
});

describe("Stripe's webhooks", () => {
  async function read(body: string, secret = SECRETS[0], timestamp = Math.floor(Date.now() / 1000)) {
    const signer = new Stripe(SECRET_KEY);
    const header = await signer.webhooks.generateTestHeaderStringAsync({
      payload: body,
      secret: secret ?? "",
      timestamp,
    });
    return await provider.readWebhook(body, new Headers({ "stripe-signature": header }));
  }

  it("are read with any of the secrets, and with no other", async () => {
    const body = stripeEvent("evt_1", "customer.created", { id: "cus_1" });
    for (const secret of SECRETS) expect(await read(body, secret)).toMatchObject({ id: "evt_1", news: [] });
    const invalid = { code: "webhook_signature_invalid" };
    await expect(read(body, "whsec_other")).rejects.toMatchObject(invalid);
    await expect(read(body, SECRETS[0], Math.floor(Date.now() / 1000) - 3600)).rejects.toMatchObject(invalid);
    await expect(read("no JSON")).rejects.toMatchObject(invalid);
    for (const header of ["", "t=1", "t=x,v1=00", `t=${"9".repeat(400)},v1=${"a".repeat(9_000)}`])
      await expect(provider.readWebhook(body, new Headers({ "stripe-signature": header }))).rejects.toMatchObject(
        invalid,
      );
  });

  it("of a checkout tell of the payment, with the fee as soon as Stripe knows it", async () => {
    standIn.paid("pi_1", 999, "eur", null);
    const metadata = { purchase: "pur_1" };
    const session = { id: "cs_1", object: "checkout.session", mode: "payment", metadata, subscription: null };
    const done = { ...session, payment_status: "paid", payment_intent: "pi_1" };
    const payment = {
      type: "payment",
      purchaseId: "pur_1",
      payment: "pi_1",
      currency: "EUR",
      gross: 999,
      paidAtMs: Date.UTC(2026, 10, 1),
      coversUntilMs: null,
      receiptUrl: "https://pay.stripe.test/receipts/pi_1",
    };
    const checkout = { type: "checkout_done", purchaseId: "pur_1", subscriptionId: null };
    const first = await read(stripeEvent("evt_1", "checkout.session.completed", done));
    expect(first.news).toEqual([checkout, payment]);
    standIn.paid("pi_1", 999, "eur", 59);
    const fee = { type: "fee", payment: "pi_1", id: "txn_pi_1", amount: 59 };
    const updated = { ...standIn.objects.get("ch_pi_1"), balance_transaction: "txn_pi_1" };
    expect((await read(stripeEvent("evt_2", "charge.updated", updated))).news).toEqual([fee]);
    expect((await read(stripeEvent("evt_3", "checkout.session.completed", done))).news).toEqual([
      checkout,
      payment,
      fee,
    ]);
    // A bank transfer may come days later, or never.
    const unpaid = { ...session, payment_status: "unpaid", payment_intent: "pi_1" };
    expect((await read(stripeEvent("evt_4", "checkout.session.completed", unpaid))).news).toEqual([checkout]);
    for (const type of ["checkout.session.expired", "checkout.session.async_payment_failed"])
      expect((await read(stripeEvent("evt_5", type, unpaid))).news).toEqual([
        { type: "checkout_expired", purchaseId: "pur_1" },
      ]);
    const foreign = { ...done, metadata: {} };
    expect((await read(stripeEvent("evt_6", "checkout.session.completed", foreign))).news).toEqual([]);
  });

  it("of subscriptions tell each period's payment, and how it stands now whatever the event says", async () => {
    standIn.paid("pi_2", 500, "jpy", 18);
    const subscription_details = { subscription: "sub_1", metadata: { purchase: "pur_2" } };
    standIn.put({
      id: "in_1",
      object: "invoice",
      hosted_invoice_url: "https://invoice.stripe.test/in_1",
      parent: { type: "subscription_details", quote_details: null, subscription_details },
      lines: { object: "list", data: [{ period: { start: 1, end: 1_800_000_000 } }] },
      payments: {
        object: "list",
        data: [
          { id: "inpay_0", status: "canceled", payment: { type: "payment_intent", payment_intent: "pi_0" } },
          { id: "inpay_1", status: "paid", payment: { type: "payment_intent", payment_intent: "pi_2" } },
        ],
      },
    });
    const { news } = await read(stripeEvent("evt_1", "invoice.paid", { id: "in_1" }));
    expect(news).toMatchObject([
      { type: "checkout_done", purchaseId: "pur_2", subscriptionId: "sub_1" },
      {
        type: "payment",
        purchaseId: "pur_2",
        payment: "pi_2",
        currency: "JPY",
        gross: 500,
        coversUntilMs: 1_800_000_000_000,
        receiptUrl: "https://invoice.stripe.test/in_1",
      },
      { type: "fee", amount: 18 },
    ]);
    const states = {
      active: "active",
      trialing: "active",
      past_due: "past_due",
      unpaid: "past_due",
      canceled: "ended",
    };
    for (const [status, state] of Object.entries(states)) {
      const now = { status, metadata: { purchase: "pur_2" }, cancel_at: null, cancel_at_period_end: false };
      standIn.put({ id: "sub_1", object: "subscription", ...now });
      const event = await read(
        stripeEvent("evt_2", "customer.subscription.updated", { id: "sub_1", status: "active" }),
      );
      expect(event.news).toEqual([
        { type: "subscription", purchaseId: "pur_2", subscriptionId: "sub_1", state, cancelAtEnd: false },
      ]);
    }
  });

  it("of refunds, disputes and accounts tell what happened, once it has", async () => {
    const refund = { id: "re_1", object: "refund", amount: 5, payment_intent: "pi_1", metadata: {} };
    const refunded = { type: "refunded", payment: "pi_1", refund: "re_1", amount: 5, reason: "asked" };
    expect((await read(stripeEvent("e1", "refund.created", { ...refund, status: "pending" }))).news).toEqual([]);
    expect((await read(stripeEvent("e2", "refund.updated", { ...refund, status: "succeeded" }))).news).toEqual([
      refunded,
    ]);
    const transactions = [
      { fee: 1500, currency: "eur" },
      { fee: 1700, currency: "usd" },
    ];
    const dispute = { id: "dp_1", object: "dispute", amount: 999, currency: "eur", payment_intent: "pi_1" };
    const of = { ...dispute, status: "needs_response", balance_transactions: transactions };
    const closed = { type: "dispute_closed", payment: "pi_1", dispute: "dp_1" };
    const told = async (type: string, status = "needs_response") =>
      (await read(stripeEvent(`e-${type}-${status}`, type, { ...of, status }))).news;
    expect(await told("charge.dispute.created")).toEqual([]);
    expect(await told("charge.dispute.funds_withdrawn")).toEqual([
      { type: "disputed", payment: "pi_1", dispute: "dp_1", amount: 999, fee: 1500 },
    ]);
    expect(await told("charge.dispute.closed", "warning_closed")).toEqual([]);
    expect(await told("charge.dispute.closed", "lost")).toEqual([{ ...closed, outcome: "lost" }]);
    expect(await told("charge.dispute.closed", "won")).toEqual([{ ...closed, outcome: "won" }]);
    expect(await told("charge.dispute.funds_reinstated")).toEqual([{ ...closed, outcome: "won" }]);
    standIn.put({ id: "acct_1", object: "account", payouts_enabled: true, capabilities: { transfers: "active" } });
    expect((await read(stripeEvent("e9", "account.updated", { id: "acct_1", payouts_enabled: false }))).news).toEqual([
      { type: "account", account: "acct_1", payoutsEnabled: true },
    ]);
    // What cannot be asked for now comes again: it is not taken for read.
    await expect(read(stripeEvent("e10", "invoice.paid", { id: "in_none" }))).rejects.toMatchObject({
      code: "payment_failed",
    });
  });
});
