import type { Stripe } from "stripe";
import type { News } from "./provider.ts";

/**
 * What an event of Stripe says about money. Events come in any order, so that what has a state (subscriptions, accounts) is asked for as it
 * is now; the rest are facts with ids of their own. What is not the market's, or of no matter to it, is no news.
 */
export async function newsOf(stripe: Stripe, event: Stripe.Event): Promise<News[]> {
  if (event.type === "checkout.session.completed" || event.type === "checkout.session.async_payment_succeeded")
    return await checkoutNews(stripe, event.data.object);
  if (event.type === "checkout.session.expired" || event.type === "checkout.session.async_payment_failed") {
    const purchaseId = event.data.object.metadata?.["purchase"];
    return purchaseId === undefined ? [] : [{ type: "checkout_expired", purchaseId }];
  }
  if (event.type === "invoice.paid") return await invoiceNews(stripe, event.data.object.id);
  if (event.type.startsWith("customer.subscription.")) return await subscriptionEvent(stripe, event);
  if (event.type === "charge.succeeded" || event.type === "charge.updated")
    return await feeNews(stripe, event.data.object);
  if (event.type === "refund.created" || event.type === "refund.updated") return refundNews(event.data.object);
  if (event.type === "charge.dispute.funds_withdrawn") return disputedNews(event.data.object);
  if (event.type === "charge.dispute.funds_reinstated") return closedNews(event.data.object, "won");
  if (event.type === "charge.dispute.closed") {
    const { status } = event.data.object;
    if (status === "won") return closedNews(event.data.object, "won");
    return status === "lost" ? closedNews(event.data.object, "lost") : [];
  }
  if (event.type !== "account.updated") return [];
  const { id, payouts_enabled, capabilities } = await stripe.accounts.retrieve(event.data.object.id);
  const payoutsEnabled = payouts_enabled && capabilities?.transfers === "active";
  return [{ type: "account", account: id, payoutsEnabled }];
}

async function subscriptionEvent(stripe: Stripe, event: Stripe.Event): Promise<News[]> {
  if (
    event.type !== "customer.subscription.created" &&
    event.type !== "customer.subscription.updated" &&
    event.type !== "customer.subscription.deleted"
  )
    return [];
  return subscriptionNews(await stripe.subscriptions.retrieve(event.data.object.id));
}

/** A refund that is on its way is none yet: another event tells when it has succeeded. */
export function refundNews({ id, status, amount, payment_intent, metadata }: Stripe.Refund): News[] {
  if (status !== "succeeded" || payment_intent === null) return [];
  const reason = metadata?.["reason"] === "malware" ? "malware" : "asked";
  return [{ type: "refunded", payment: idOf(payment_intent), refund: id, amount, reason }];
}

async function checkoutNews(stripe: Stripe, session: Stripe.Checkout.Session): Promise<News[]> {
  const purchaseId = session.metadata?.["purchase"];
  if (purchaseId === undefined) return [];
  const { mode, subscription, payment_status, payment_intent } = session;
  const subscriptionId = subscription === null ? null : idOf(subscription);
  const done: News = { type: "checkout_done", purchaseId, subscriptionId };
  if (mode !== "payment" || payment_status !== "paid" || payment_intent === null) return [done];
  return [done, ...(await paymentNews(stripe, idOf(payment_intent), { purchaseId, coversUntilMs: null }))];
}

/** A period of a subscription was paid for. */
async function invoiceNews(stripe: Stripe, id: string): Promise<News[]> {
  const { parent, payments, lines, hosted_invoice_url } = await stripe.invoices.retrieve(id, { expand: ["payments"] });
  const of = parent?.subscription_details;
  const purchaseId = of?.metadata?.["purchase"];
  if (of === undefined || of === null || purchaseId === undefined) return [];
  const coversUntilMs = Math.max(...lines.data.map(({ period }) => period.end)) * 1000;
  // With the first money, so that whoever gives it back can end the subscription.
  const news: News[] = [{ type: "checkout_done", purchaseId, subscriptionId: idOf(of.subscription) }];
  for (const { status, payment } of payments?.data ?? []) {
    if (status !== "paid" || payment.payment_intent === undefined) continue;
    const covers = { purchaseId, coversUntilMs, receiptUrl: hosted_invoice_url ?? null };
    news.push(...(await paymentNews(stripe, idOf(payment.payment_intent), covers)));
  }
  return news;
}

async function paymentNews(
  stripe: Stripe,
  id: string,
  of: { purchaseId: string; coversUntilMs: number | null; receiptUrl?: string | null },
): Promise<News[]> {
  const intent = await stripe.paymentIntents.retrieve(id, { expand: ["latest_charge.balance_transaction"] });
  const { latest_charge: charge, amount_received: gross } = intent;
  if (gross === 0 || charge === null || typeof charge === "string") return [];
  const payment: News = {
    type: "payment",
    payment: id,
    currency: intent.currency.toUpperCase(),
    gross,
    paidAtMs: charge.created * 1000,
    receiptUrl: charge.receipt_url,
    ...of,
  };
  return [payment, ...(await feeNews(stripe, charge))];
}

/** Stripe may know its fee later than that a payment succeeded. One in another currency cannot be written beside it. */
async function feeNews(stripe: Stripe, charge: Stripe.Charge): Promise<News[]> {
  const { payment_intent, balance_transaction } = charge;
  if (payment_intent === null || balance_transaction === null) return [];
  const { id, fee, currency } =
    typeof balance_transaction === "string"
      ? await stripe.balanceTransactions.retrieve(balance_transaction)
      : balance_transaction;
  if (fee === 0 || currency !== charge.currency) return [];
  return [{ type: "fee", payment: idOf(payment_intent), id, amount: fee }];
}

function subscriptionNews({ id, status, metadata, cancel_at, cancel_at_period_end }: Stripe.Subscription): News[] {
  const purchaseId = metadata["purchase"];
  if (purchaseId === undefined) return [];
  const state =
    status === "active" || status === "trialing"
      ? "active"
      : status === "canceled" || status === "incomplete_expired"
        ? "ended"
        : "past_due";
  const cancelAtEnd = cancel_at_period_end || cancel_at !== null;
  return [{ type: "subscription", purchaseId, subscriptionId: id, state, cancelAtEnd }];
}

function disputedNews({ id, amount, payment_intent, balance_transactions, currency }: Stripe.Dispute): News[] {
  if (payment_intent === null) return [];
  const fee = balance_transactions
    .filter((one) => one.currency === currency)
    .reduce((sum, one) => sum + Math.max(0, one.fee), 0);
  return [{ type: "disputed", payment: idOf(payment_intent), dispute: id, amount, fee }];
}

function closedNews({ id, payment_intent }: Stripe.Dispute, outcome: "won" | "lost"): News[] {
  if (payment_intent === null) return [];
  return [{ type: "dispute_closed", payment: idOf(payment_intent), dispute: id, outcome }];
}

function idOf(reference: string | { id: string }): string {
  return typeof reference === "string" ? reference : reference.id;
}
