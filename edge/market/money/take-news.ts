import type { Database } from "../../store/database.ts";
import { D1Book } from "./d1-book.ts";
import type { LedgerEvent } from "./event.ts";
import { Ledger } from "./ledger.ts";
import { MONEY_LIMITS } from "./limits.ts";
import type { News, ProviderEvent } from "./provider/provider.ts";
import { left } from "./purchase.ts";
import {
  changePayee,
  changeSale,
  expireSale,
  findSale,
  keepEvent,
  keepLeft,
  knowsEvent,
  putDispute,
  putPayment,
  reopenClawback,
} from "./sales.ts";

/** Takes in an event of the provider. The same again changes nothing; what fails half-way is taken in whole when it comes again. */
export async function takeEvent(db: Database, event: ProviderEvent): Promise<"taken" | "known"> {
  if (await knowsEvent(db, event.id)) return "known";
  await takeNews(db, event.news, event.atMs);
  await keepEvent(db, { id: event.id, type: event.type.slice(0, 100), at: Date.now() });
  return "taken";
}

/** Writes down what the provider told: in the ledger, and in what is shown. */
export async function takeNews(db: Database, news: readonly News[], atMs: number): Promise<void> {
  for (const one of news) await take(db, one, atMs);
}

async function take(db: Database, news: News, atMs: number): Promise<void> {
  switch (news.type) {
    case "checkout_done": {
      const { purchaseId, subscriptionId } = news;
      if (subscriptionId !== null) await changeSale(db, purchaseId, { subscriptionId });
      return;
    }
    case "checkout_expired":
      return await expireSale(db, news.purchaseId);
    case "subscription": {
      const { subscriptionId, state: subscriptionState, cancelAtEnd } = news;
      return await changeSale(db, news.purchaseId, { subscriptionId, subscriptionState, cancelAtEnd });
    }
    case "account":
      return await changePayee(db, { account: news.account }, { payoutsEnabled: news.payoutsEnabled });
    case "payment":
      return await takePayment(db, news);
    case "fee":
    case "refunded":
    case "disputed":
    case "dispute_closed":
      return await takeChange(db, news, atMs);
  }
}

async function takePayment(db: Database, news: Extract<News, { type: "payment" }>): Promise<void> {
  const sale = await findSale(db, news.purchaseId);
  if (sale === undefined) {
    // Another program may sell by the same account.
    console.error(`market: a payment ${news.payment} of a purchase that nobody made here: ${news.purchaseId}`);
    return;
  }
  const { payment: id, currency, gross, paidAtMs, coversUntilMs, receiptUrl } = news;
  const { publisherId, plugin } = sale;
  const paid = { type: "paid", key: `paid ${id}`, atMs: paidAtMs, purchaseId: id, publisherId, plugin } as const;
  const ledger = new Ledger(new D1Book(db));
  await ledger.record({ ...paid, currency, gross, fee: 0 });
  await putPayment(db, {
    id,
    purchaseId: sale.id,
    currency,
    gross,
    paidAt: paidAtMs,
    coversUntil: coversUntilMs,
    left: gross,
    receiptUrl,
    holdUntil: paidAtMs + MONEY_LIMITS.holdMs,
  });
  await changeSale(db, sale.id, { state: "paid" });
  // It may have been paid before the verdict, and be heard of behind it.
  await reopenClawback(db, plugin);
  await keepWhatIsLeft(db, ledger, id);
}

type Change = Extract<News, { type: "fee" | "refunded" | "disputed" | "dispute_closed" }>;

/** What becomes of a payment; it may not have been heard of yet. */
async function takeChange(db: Database, news: Change, atMs: number): Promise<void> {
  const ledger = new Ledger(new D1Book(db));
  await ledger.record(changeEvent(news, atMs));
  const { payment: paymentId } = news;
  if (news.type === "disputed")
    await putDispute(db, { id: news.dispute, paymentId, amount: news.amount, state: "open", at: atMs });
  if (news.type === "dispute_closed")
    await putDispute(db, { id: news.dispute, paymentId, amount: 0, state: news.outcome, at: atMs });
  await keepWhatIsLeft(db, ledger, paymentId);
  const won = news.type === "dispute_closed" && news.outcome === "won" ? await ledger.purchase(paymentId) : undefined;
  // What the bank held back could not be given back while it did.
  if (won !== undefined) await reopenClawback(db, won.plugin);
}

function changeEvent(news: Change, atMs: number): LedgerEvent {
  const common = { purchaseId: news.payment, atMs };
  if (news.type === "fee") return { ...common, type: "fee", key: `fee ${news.id}`, amount: news.amount };
  if (news.type === "refunded") {
    const { refund, amount, reason } = news;
    return { ...common, type: "refunded", key: `refund ${refund}`, amount, reason };
  }
  const { dispute: disputeId } = news;
  if (news.type === "dispute_closed") {
    const { outcome } = news;
    return { ...common, type: "dispute_closed", key: `dispute closed ${disputeId}`, disputeId, outcome };
  }
  const { amount, fee } = news;
  return { ...common, type: "disputed", key: `disputed ${disputeId}`, disputeId, amount, fee };
}

/**
 * What entitles is what the ledger has left of a payment, so that no order of events can give away what was paid back. Looked at again
 * once it is written: of two at the same moment, whoever writes last has seen the other's event.
 */
async function keepWhatIsLeft(db: Database, ledger: Ledger, paymentId: string): Promise<void> {
  for (let written: number | undefined; ; ) {
    const purchase = await ledger.purchase(paymentId);
    if (purchase === undefined || left(purchase) === written) return;
    written = left(purchase);
    await keepLeft(db, paymentId, written);
  }
}
