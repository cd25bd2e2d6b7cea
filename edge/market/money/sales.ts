import { and, desc, eq, gt, inArray, isNotNull, isNull, lte, ne, or, sql } from "drizzle-orm";
import { type Database, isDuplicate } from "../../store/database.ts";
import { users } from "../../store/schema.ts";
import { marketPlugins } from "../store/schema.ts";
import {
  marketClawbacks,
  marketDisputes,
  marketPayees,
  marketPayments,
  marketProviderEvents,
  marketPurchases,
} from "./sales-schema.ts";

export type Sale = typeof marketPurchases.$inferSelect;
export type Payment = typeof marketPayments.$inferSelect;
export type Payee = typeof marketPayees.$inferSelect;

export async function findSale(db: Database, id: string): Promise<Sale | undefined> {
  const [found] = await db.select().from(marketPurchases).where(eq(marketPurchases.id, id)).limit(1);
  return found;
}

/** The checkout that somebody has not finished. */
export async function findOpenSale(db: Database, userId: string, plugin: string): Promise<Sale | undefined> {
  const { userId: buyer, plugin: what, state } = marketPurchases;
  const [found] = await db
    .select()
    .from(marketPurchases)
    .where(and(eq(buyer, userId), eq(what, plugin), eq(state, "open")))
    .limit(1);
  return found;
}

/** False where the person has an open one of this plugin. */
export async function putSale(db: Database, sale: typeof marketPurchases.$inferInsert): Promise<boolean> {
  try {
    await db.insert(marketPurchases).values(sale);
    return true;
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

export async function changeSale(db: Database, id: string, to: Partial<Sale>): Promise<void> {
  await db.update(marketPurchases).set(to).where(eq(marketPurchases.id, id));
}

/** What was paid stays paid. */
export async function expireSale(db: Database, id: string): Promise<void> {
  await db
    .update(marketPurchases)
    .set({ state: "expired" })
    .where(and(eq(marketPurchases.id, id), eq(marketPurchases.state, "open")));
}

/** A person's purchases with their payments, the latest first. */
export async function listSales(
  db: Database,
  userId: string,
  limit: number,
): Promise<(Sale & { payments: Payment[] })[]> {
  const sales = await db
    .select()
    .from(marketPurchases)
    .where(eq(marketPurchases.userId, userId))
    .orderBy(desc(marketPurchases.createdAt), desc(marketPurchases.id))
    .limit(limit);
  const ids = db.select({ id: marketPurchases.id }).from(marketPurchases).where(eq(marketPurchases.userId, userId));
  const payments = await db
    .select()
    .from(marketPayments)
    .where(inArray(marketPayments.purchaseId, ids))
    .orderBy(desc(marketPayments.paidAt));
  const by = Map.groupBy(payments, ({ purchaseId }) => purchaseId);
  return sales.map((sale) => ({ ...sale, payments: by.get(sale.id) ?? [] }));
}

/** The latest first. */
export async function listPayments(db: Database, purchaseId: string): Promise<Payment[]> {
  return await db
    .select()
    .from(marketPayments)
    .where(eq(marketPayments.purchaseId, purchaseId))
    .orderBy(desc(marketPayments.paidAt));
}

export async function findPayment(db: Database, id: string): Promise<Payment | undefined> {
  const [found] = await db.select().from(marketPayments).where(eq(marketPayments.id, id)).limit(1);
  return found;
}

/** Writes a payment down once. */
export async function putPayment(db: Database, payment: typeof marketPayments.$inferInsert): Promise<void> {
  await db.insert(marketPayments).values(payment).onConflictDoNothing();
}

/** What is left of a payment, as the ledger has it. */
export async function keepLeft(db: Database, id: string, left: number): Promise<void> {
  await db.update(marketPayments).set({ left }).where(eq(marketPayments.id, id));
}

/** Payments whose developers' part may be released by now. */
export async function heldUntil(db: Database, nowMs: number, limit: number): Promise<Payment[]> {
  const { releasedAt, holdUntil } = marketPayments;
  return await db
    .select()
    .from(marketPayments)
    .where(and(isNull(releasedAt), lte(holdUntil, nowMs)))
    .orderBy(holdUntil)
    .limit(limit);
}

export async function changeHold(
  db: Database,
  id: string,
  to: Partial<Pick<Payment, "holdUntil" | "releasedAt">>,
): Promise<void> {
  await db.update(marketPayments).set(to).where(eq(marketPayments.id, id));
}

/** Payments of a plugin in this time of which something is left, behind this id. */
export async function paymentsOfPlugin(
  db: Database,
  { plugin, fromMs, toMs, after }: { plugin: string; fromMs: number; toMs: number; after: string },
  limit: number,
): Promise<Payment[]> {
  const { left, paidAt, id, purchaseId } = marketPayments;
  const sold = db.select({ id: marketPurchases.id }).from(marketPurchases).where(eq(marketPurchases.plugin, plugin));
  return await db
    .select()
    .from(marketPayments)
    .where(and(inArray(purchaseId, sold), gt(left, 0), gt(paidAt, fromMs), lte(paidAt, toMs), gt(id, after)))
    .orderBy(id)
    .limit(limit);
}

/** What goes on of a plugin: checkouts that are open, subscriptions. */
export async function goingOn(db: Database, plugin: string): Promise<Sale[]> {
  const { state } = marketPurchases;
  return await db
    .select()
    .from(marketPurchases)
    .where(and(eq(marketPurchases.plugin, plugin), or(eq(state, "open"), isSubscribed)));
}

/** Its state may not have been heard of yet. */
const isSubscribed = and(
  isNotNull(marketPurchases.subscriptionId),
  or(isNull(marketPurchases.subscriptionState), ne(marketPurchases.subscriptionState, "ended")),
);

/** Subscriptions that nobody can use any more: their person has left, or their plugin has no version left. */
export async function orphanedSubscriptions(db: Database, limit: number): Promise<Sale[]> {
  const { cancelAtEnd, userId, plugin } = marketPurchases;
  const name = sql`'@' || ${marketPlugins.namespace} || '/' || ${marketPlugins.name}`;
  const rows = await db
    .select({ sale: marketPurchases })
    .from(marketPurchases)
    .leftJoin(users, eq(users.id, userId))
    .leftJoin(marketPlugins, and(eq(name, plugin), isNotNull(marketPlugins.latestId)))
    .where(and(isSubscribed, eq(cancelAtEnd, false), or(isNull(users.id), isNull(marketPlugins.seq))))
    .limit(limit);
  return rows.map(({ sale }) => sale);
}

export async function knowsEvent(db: Database, id: string): Promise<boolean> {
  const [found] = await db.select().from(marketProviderEvents).where(eq(marketProviderEvents.id, id)).limit(1);
  return found !== undefined;
}

export async function keepEvent(db: Database, event: typeof marketProviderEvents.$inferInsert): Promise<void> {
  await db.insert(marketProviderEvents).values(event).onConflictDoNothing();
}

export async function forgetEvents(db: Database, beforeMs: number): Promise<void> {
  await db.delete(marketProviderEvents).where(lte(marketProviderEvents.at, beforeMs));
}

export async function findPayee(db: Database, publisherId: string): Promise<Payee | undefined> {
  const [found] = await db.select().from(marketPayees).where(eq(marketPayees.publisherId, publisherId)).limit(1);
  return found;
}

/** A publisher has one account, whoever was first. */
export async function putPayee(db: Database, payee: typeof marketPayees.$inferInsert): Promise<void> {
  await db.insert(marketPayees).values(payee).onConflictDoNothing();
}

export async function changePayee(
  db: Database,
  of: { publisherId: string } | { account: string },
  to: Partial<Pick<Payee, "payoutsEnabled" | "automatic" | "provider" | "account">>,
): Promise<void> {
  const which = "account" in of ? eq(marketPayees.account, of.account) : eq(marketPayees.publisherId, of.publisherId);
  await db.update(marketPayees).set(to).where(which);
}

/** Payees behind this id that are paid by themselves. */
export async function automaticPayees(db: Database, after: string, limit: number): Promise<Payee[]> {
  const { publisherId, payoutsEnabled, automatic } = marketPayees;
  return await db
    .select()
    .from(marketPayees)
    .where(and(gt(publisherId, after), eq(payoutsEnabled, true), eq(automatic, true)))
    .orderBy(publisherId)
    .limit(limit);
}

/** Won and lost are for good, whatever comes late. */
export async function putDispute(db: Database, dispute: typeof marketDisputes.$inferInsert): Promise<void> {
  await db
    .insert(marketDisputes)
    .values(dispute)
    .onConflictDoUpdate({
      target: marketDisputes.id,
      set: { state: dispute.state },
      setWhere: eq(marketDisputes.state, "open"),
    });
}

export async function listDisputes(db: Database, limit: number) {
  return await db
    .select({ dispute: marketDisputes, payment: marketPayments, sale: marketPurchases })
    .from(marketDisputes)
    .leftJoin(marketPayments, eq(marketPayments.id, marketDisputes.paymentId))
    .leftJoin(marketPurchases, eq(marketPurchases.id, marketPayments.purchaseId))
    .orderBy(sql`${marketDisputes.state} <> 'open'`, desc(marketDisputes.at))
    .limit(limit);
}

/** Buyers of this plugin are to get their money back. */
export async function putClawback(db: Database, plugin: string, nowMs: number): Promise<void> {
  const row = { plugin, at: nowMs, doneAt: null };
  await db
    .insert(marketClawbacks)
    .values(row)
    .onConflictDoUpdate({ target: marketClawbacks.plugin, set: { at: nowMs, doneAt: null } });
}

export async function openClawbacks(db: Database): Promise<(typeof marketClawbacks.$inferSelect)[]> {
  return await db.select().from(marketClawbacks).where(isNull(marketClawbacks.doneAt));
}

export async function closeClawback(db: Database, plugin: string, nowMs: number): Promise<void> {
  await db.update(marketClawbacks).set({ doneAt: nowMs }).where(eq(marketClawbacks.plugin, plugin));
}

/** A payment came free that a clawback could not give back before. */
export async function reopenClawback(db: Database, plugin: string): Promise<void> {
  await db.update(marketClawbacks).set({ doneAt: null }).where(eq(marketClawbacks.plugin, plugin));
}
