import type { Database } from "../../store/database.ts";
import { giveBack } from "./buy.ts";
import { D1Book } from "./d1-book.ts";
import { balancesOf } from "./earnings.ts";
import { Ledger } from "./ledger.ts";
import { MONEY_LIMITS } from "./limits.ts";
import { payAutomatically } from "./payout-desk.ts";
import type { PaymentProvider } from "./provider/provider.ts";
import {
  changeHold,
  changeSale,
  closeClawback,
  expireSale,
  forgetEvents,
  goingOn,
  heldUntil,
  openClawbacks,
  orphanedSubscriptions,
  paymentsOfPlugin,
} from "./sales.ts";

interface Upkeep {
  db: Database;
  provider: PaymentProvider | undefined;
  nowMs: number;
}

/**
 * What the market does about money by itself: gives buyers of malware their money back at each ring, and from time to time releases what
 * was held for 14 days and pays it out. Each step is done once however often it is begun; one that fails waits for the next ring and keeps
 * no other from its turn. True: there is more to release.
 */
export async function keepMoney({ db, provider, nowMs }: Upkeep, isTime: boolean): Promise<boolean> {
  let more = false;
  if (provider !== undefined) await attempt(async () => await clawBack(db, provider, nowMs), "clawbacks");
  if (!isTime) return false;
  await attempt(async () => void (more = await releaseHeld(db, nowMs)), "releases");
  await attempt(async () => await forgetEvents(db, nowMs - MONEY_LIMITS.eventsMs), "old events");
  if (provider !== undefined) {
    const currenciesOf = async (publisherId: string): Promise<string[]> =>
      (await balancesOf(db, publisherId)).map(({ currency }) => currency);
    await attempt(async () => await endOrphaned(db, provider), "subscriptions");
    await attempt(async () => await payAutomatically({ db, provider, nowMs }, currenciesOf), "payouts");
  }
  return more;
}

/** Nobody is charged for what they cannot use. */
async function endOrphaned(db: Database, provider: PaymentProvider): Promise<void> {
  for (const { id, subscriptionId, provider: sold } of await orphanedSubscriptions(db, MONEY_LIMITS.atOnce)) {
    if (subscriptionId === null || sold !== provider.name) continue;
    const isEnded = await attempt(async () => await provider.cancelSubscription(subscriptionId, "at_end"), id);
    if (isEnded) await changeSale(db, id, { cancelAtEnd: true });
  }
}

/** Not while a dispute is open. */
async function releaseHeld(db: Database, nowMs: number): Promise<boolean> {
  const ledger = new Ledger(new D1Book(db));
  const due = await heldUntil(db, nowMs, MONEY_LIMITS.atOnce);
  for (const { id } of due) {
    const purchase = await ledger.purchase(id);
    const isDisputed = [...(purchase?.disputes.values() ?? [])].some(({ state }) => state === "open");
    if (isDisputed) {
      await changeHold(db, id, { holdUntil: nowMs + MONEY_LIMITS.disputeAgainMs });
      continue;
    }
    await ledger.record({ type: "released", key: `released ${id}`, atMs: nowMs, purchaseId: id });
    await changeHold(db, id, { releasedAt: nowMs });
  }
  return due.length === MONEY_LIMITS.atOnce;
}

/** A clawback is over once every payment is back; what the provider refuses today is tried again at the next ring. */
async function clawBack(db: Database, provider: PaymentProvider, nowMs: number): Promise<void> {
  for (const { plugin, at } of await openClawbacks(db)) {
    let isWhole = await attempt(async () => await endSales(db, provider, plugin), plugin);
    for (let after = ""; ; ) {
      const span = { plugin, fromMs: at - MONEY_LIMITS.clawbackMs, toMs: at, after };
      const payments = await paymentsOfPlugin(db, span, MONEY_LIMITS.atOnce);
      for (const { id } of payments) {
        after = id;
        const isBack = await attempt(async () => await giveBack(db, provider, id, "malware", nowMs), id);
        isWhole = isBack && isWhole;
      }
      if (payments.length < MONEY_LIMITS.atOnce) break;
    }
    if (isWhole) await closeClawback(db, plugin, nowMs);
  }
}

async function endSales(db: Database, provider: PaymentProvider, plugin: string): Promise<void> {
  for (const sale of await goingOn(db, plugin)) {
    if (sale.provider !== provider.name) continue;
    if (sale.state === "open") {
      if (sale.checkoutId !== null) await provider.closeCheckout(sale.checkoutId);
      await expireSale(db, sale.id);
    } else if (sale.subscriptionId !== null) {
      await provider.cancelSubscription(sale.subscriptionId, "now");
      await changeSale(db, sale.id, { subscriptionState: "ended" });
    }
  }
}

async function attempt(step: () => Promise<void>, what: string): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    console.error(`market: money of ${what} could not be looked after:`, error);
    return false;
  }
}
