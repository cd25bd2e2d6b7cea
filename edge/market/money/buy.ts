import { PorchlightError } from "../../../shared/errors.ts";
import { SOLD_CURRENCIES } from "../../../shared/market/currencies.ts";
import { readPluginName } from "../../../shared/plugin/name.ts";
import type { Database } from "../../store/database.ts";
import { findInCatalogue } from "../catalogue.ts";
import { findNamespace } from "../store/publishers.ts";
import { D1Book } from "./d1-book.ts";
import { entitlementOf, isPaid } from "./entitlement.ts";
import { Ledger } from "./ledger.ts";
import { MONEY_LIMITS } from "./limits.ts";
import type { PaymentProvider } from "./provider/provider.ts";
import { left } from "./purchase.ts";
import {
  changeSale,
  expireSale,
  findOpenSale,
  findPayment,
  findSale,
  listSales,
  listPayments,
  type Payment,
  putSale,
  type Sale,
} from "./sales.ts";
import { takeNews } from "./take-news.ts";

export interface Selling {
  db: Database;
  /** Undefined: this market takes no payments. */
  provider: PaymentProvider | undefined;
  nowMs: number;
}

/**
 * A checkout for what a plugin costs now; a second one while the first is open is the same. Throws `not_found`, `already_bought`,
 * `payments_off`, `payment_failed`.
 */
export async function buy(
  selling: Selling,
  of: { userId: string; plugin: string; origin: string },
): Promise<Sale & { checkoutUrl: string }> {
  const { db, nowMs } = selling;
  const { userId, plugin } = of;
  const named = readPluginName(plugin);
  const found = named && (await findInCatalogue(db, named));
  const seller = named && (await findNamespace(db, named.publisher));
  if (found === undefined || seller === undefined)
    throw new PorchlightError("not_found", "The market has no such plugin.");
  const { price } = found.manifest;
  if (price === undefined || !isPaid(found.manifest))
    throw new PorchlightError("already_bought", `${plugin} costs nothing: install it.`);
  if (seller.userId === userId) throw new PorchlightError("already_bought", "It is your own plugin: install it.");
  const provider = providerFor(selling, plugin, price.currency);
  const entitlement = await entitlementOf(db, userId, plugin, nowMs);
  if (entitlement === "bought") throw new PorchlightError("already_bought");
  if (entitlement === "lapsed") await endLapsed(selling, provider, userId, plugin);
  const wanted = { currency: price.currency, amount: price.minorUnits, every: price.every ?? null };
  let sale = await findOpenSale(db, userId, plugin);
  if (sale !== undefined && !isSame(sale, wanted, provider, nowMs)) {
    if (sale.checkoutId !== null && sale.provider === provider.name) await provider.closeCheckout(sale.checkoutId);
    await expireSale(db, sale.id);
    sale = undefined;
  }
  if (sale === undefined) {
    const id = `pur_${crypto.randomUUID().replaceAll("-", "")}`;
    const made = { ...wanted, plugin, title: found.title.en, publisherId: seller.id, provider: provider.name };
    await putSale(db, { id, userId, ...made, state: "open", createdAt: nowMs });
    // Of two clicks at once, one is written: both go there.
    sale = await findOpenSale(db, userId, plugin);
  }
  if (sale === undefined) throw new PorchlightError("purchase_state");
  return await withCheckout(db, provider, sale, of.origin);
}

/** Ends a subscription with what is paid for. Throws `purchase_state`. */
export async function cancel({ db, provider }: Selling, sale: Sale): Promise<void> {
  const { subscriptionId, subscriptionState } = sale;
  if (subscriptionId === null || subscriptionState === "ended")
    throw new PorchlightError("purchase_state", "This is no subscription, or it has ended already.");
  if (provider?.name !== sale.provider) throw new PorchlightError("payments_off");
  await provider.cancelSubscription(subscriptionId, "at_end");
  await changeSale(db, sale.id, { cancelAtEnd: true });
}

/** Until when a payment may be asked back by its buyer; undefined where it cannot be. */
export function refundableUntil({ left: rest, paidAt }: Payment, nowMs: number): number | undefined {
  const untilMs = paidAt + MONEY_LIMITS.holdMs;
  return rest > 0 && nowMs < untilMs ? untilMs : undefined;
}

/**
 * Gives back the latest payment of a purchase, whole, and ends its subscription. That one is ended first: if this stops between the two,
 * the buyer asks again. Throws `refund_over`, `payment_failed`.
 */
export async function refund(selling: Selling, sale: Sale): Promise<void> {
  const { db, provider, nowMs } = selling;
  const payment = (await listPayments(db, sale.id)).find((one) => refundableUntil(one, nowMs) !== undefined);
  if (payment === undefined) throw new PorchlightError("refund_over");
  if (provider?.name !== sale.provider) throw new PorchlightError("payments_off");
  // It would go on.
  if (sale.every !== null && sale.subscriptionId === null)
    throw new PorchlightError(
      "purchase_state",
      "The provider is still setting the subscription up. Try again in a minute.",
    );
  if (sale.subscriptionId !== null && sale.subscriptionState !== "ended")
    await provider.cancelSubscription(sale.subscriptionId, "now");
  await giveBack(db, provider, payment.id, "asked", nowMs);
  if (sale.subscriptionId !== null) await changeSale(db, sale.id, { subscriptionState: "ended" });
}

/** Gives back what is left of a payment, once for each reason. */
export async function giveBack(
  db: Database,
  provider: PaymentProvider,
  payment: string,
  reason: "asked" | "malware",
  nowMs: number,
): Promise<void> {
  const purchase = await new Ledger(new D1Book(db)).purchase(payment);
  const amount = purchase === undefined ? 0 : left(purchase);
  if (amount === 0) return;
  await takeNews(db, await provider.refund({ payment, amount, reason, key: `${reason} ${payment} ${amount}` }), nowMs);
}

/** A purchase of this person. Throws `not_found`. */
export async function saleOf(db: Database, userId: string, id: string): Promise<Sale> {
  const sale = await findSale(db, id);
  if (sale?.userId === userId) return sale;
  throw new PorchlightError("not_found", "You have no such purchase.");
}

export { findPayment, listPayments, listSales };

function providerFor({ provider }: Selling, plugin: string, currency: string): PaymentProvider {
  if (provider === undefined)
    throw new PorchlightError("payments_off", `${plugin} costs money, and this market takes no payments yet.`);
  if (SOLD_CURRENCIES.includes(currency)) return provider;
  throw new PorchlightError("payments_off", `${plugin} is priced in ${currency}, in which this market cannot sell.`);
}

/** A subscription that nobody pays any more would begin again beside the new one. */
async function endLapsed({ db }: Selling, provider: PaymentProvider, userId: string, plugin: string): Promise<void> {
  const sales = await listSales(db, userId, MONEY_LIMITS.listed);
  const going = sales.filter((sale) => sale.plugin === plugin && sale.subscriptionState !== "ended");
  for (const { id, subscriptionId } of going) {
    if (subscriptionId === null) continue;
    await provider.cancelSubscription(subscriptionId, "now");
    await changeSale(db, id, { subscriptionState: "ended" });
  }
}

function isSame(
  sale: Sale,
  wanted: Pick<Sale, "currency" | "amount" | "every">,
  provider: PaymentProvider,
  nowMs: number,
): boolean {
  if (sale.provider !== provider.name || sale.createdAt + MONEY_LIMITS.checkoutMs < nowMs) return false;
  return sale.currency === wanted.currency && sale.amount === wanted.amount && sale.every === wanted.every;
}

async function withCheckout(db: Database, provider: PaymentProvider, sale: Sale, origin: string) {
  if (sale.checkoutUrl !== null) return { ...sale, checkoutUrl: sale.checkoutUrl };
  const { id, title, currency, amount, every, plugin } = sale;
  const doneUrl = `${origin}/market/purchases/${id}?paid=1`;
  const cancelUrl = `${origin}/market/${plugin.slice(1)}`;
  const checkout = await provider.createCheckout({ id, title, currency, amount, every, doneUrl, cancelUrl });
  await changeSale(db, id, { checkoutId: checkout.id, checkoutUrl: checkout.url });
  return { ...sale, checkoutId: checkout.id, checkoutUrl: checkout.url };
}
