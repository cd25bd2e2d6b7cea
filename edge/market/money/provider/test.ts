import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { PorchlightError } from "../../../../shared/errors.ts";
import { signedHeaders } from "../../../webhooks/sign.ts";
import type { News, Order, PaymentProvider, ProviderEvent, RefundReason } from "./provider.ts";
import { type TestCheckout, TestState } from "./test-state.ts";
import type { Database } from "../../../store/database.ts";

/** What can be paid with at its checkout page. */
export const TEST_CARDS = ["good", "refused", "disputed"] as const;
export type TestCard = (typeof TEST_CARDS)[number];
/** What can be made to happen to what was bought. */
export const TEST_TURNS = ["renew", "renewal_refused", "lapse", "dispute", "dispute_won", "dispute_lost"] as const;
export type TestTurn = (typeof TEST_TURNS)[number];

const FEE_PERCENT = 3;
const DISPUTE_FEE = 1_500;
/** Webhooks come up to so much late. */
const LATE_MS = 3_000;
const AGAIN_MS = 5_000;
const AT_ONCE = 50;

const eventSchema = z.object({
  id: z.string(),
  type: z.string(),
  atMs: z.number(),
  /** As this class made it: the signature says so. */
  news: z.array(z.custom<News>()),
});

export interface TestOptions {
  db: Database;
  /** Standard Webhooks: `whsec_...`. */
  secret: string;
  now?: () => number;
  chance?: () => number;
}

/**
 * Play money that behaves as a real provider's: its own checkout page, cards that are refused, payments that are disputed, webhooks that
 * are signed and come late, twice and out of order. What it knows is in the market's database.
 */
export class TestProvider implements PaymentProvider {
  readonly name = "test";
  readonly isTest = true;
  readonly state: TestState;
  readonly #secret: string;
  readonly #now: () => number;
  readonly #chance: () => number;

  constructor({ db, secret, now = Date.now, chance = Math.random }: TestOptions) {
    this.state = new TestState(db);
    this.#secret = secret;
    this.#now = now;
    this.#chance = chance;
  }

  async createCheckout(order: Order): Promise<{ id: string; url: string }> {
    const id = `tco_${order.id}`;
    const known = await this.state.find("checkout", id);
    if (known === undefined)
      await this.state.put({ kind: "checkout", id, order, state: "open", payments: [], subscription: null });
    return { id, url: new URL(`/market/checkout/${id}`, order.doneUrl).href };
  }

  async closeCheckout(id: string): Promise<void> {
    const checkout = await this.#checkout(id);
    if (checkout.state !== "open") return;
    await this.state.put({ ...checkout, state: "expired" });
    await this.#tell("checkout.expired", [{ type: "checkout_expired", purchaseId: checkout.order.id }]);
  }

  /** A subscription has the id of its checkout. */
  async cancelSubscription(id: string, when: "at_end" | "now"): Promise<void> {
    const checkout = await this.#checkout(id);
    if (checkout.subscription === null || checkout.subscription.state === "ended") return;
    const ends = when === "now" ? ({ state: "ended" } as const) : { cancelAtEnd: true };
    await this.#change({ ...checkout, subscription: { ...checkout.subscription, ...ends } });
  }

  async refund(of: { payment: string; amount: number; reason: RefundReason; key: string }): Promise<News[]> {
    const { payment: id, amount, reason, key } = of;
    const refund = `tre_${key.replaceAll(" ", "_")}`;
    const news: News = { type: "refunded", payment: id, refund, amount, reason };
    if ((await this.state.find("refund", refund)) !== undefined) return [news];
    const payment = await this.state.find("payment", id);
    if (payment === undefined || payment.refunded + amount > payment.amount || payment.dispute === "open")
      throw new PorchlightError("payment_failed", "The test provider has no such payment to give back.");
    await this.state.put({ ...payment, refunded: payment.refunded + amount });
    await this.state.put({ kind: "refund", id: refund, payment: id, amount });
    await this.#tell("refunded", [news]);
    return [news];
  }

  async createAccount({ publisherId }: { publisherId: string; key: string }): Promise<string> {
    const id = `tacct_${publisherId}`;
    const known = await this.state.find("account", id);
    if (known === undefined) await this.state.put({ kind: "account", id, returnUrl: "", payoutsEnabled: false });
    return id;
  }

  async onboardingUrl(account: string, returnUrl: string): Promise<string> {
    const found = await this.#account(account);
    await this.state.put({ ...found, returnUrl });
    return new URL(`/market/checkout/${account}`, returnUrl).href;
  }

  async payoutsEnabled(account: string): Promise<boolean> {
    return (await this.#account(account)).payoutsEnabled;
  }

  async transfer(of: { key: string; account: string; currency: string; amount: number }): Promise<"paid" | "failed"> {
    const id = `ttr_${of.key}`;
    const known = await this.state.find("transfer", id);
    if (known !== undefined) return known.outcome;
    const outcome = (await this.#account(of.account)).payoutsEnabled ? "paid" : "failed";
    await this.state.put({ kind: "transfer", id, outcome });
    return outcome;
  }

  async readWebhook(body: string, headers: Headers): Promise<ProviderEvent> {
    let event: ProviderEvent;
    try {
      const verified: unknown = new Webhook(this.#secret).verify(body, Object.fromEntries(headers));
      event = eventSchema.parse(verified);
    } catch (cause) {
      throw new PorchlightError("webhook_signature_invalid", undefined, { cause });
    }
    return { ...event, news: await Promise.all(event.news.map(async (one) => await this.#asItIsNow(one))) };
  }

  /** Somebody pays at the checkout page. False: the card was refused, and they may try another. */
  async pay(id: string, card: TestCard): Promise<boolean> {
    const checkout = await this.#checkout(id);
    if (checkout.state !== "open") throw new PorchlightError("purchase_state", "This checkout is over.");
    if (card === "refused") return false;
    const { every } = checkout.order;
    const subscription = every === null ? null : { state: "active" as const, cancelAtEnd: false, coversUntilMs: 0 };
    const paid: TestCheckout = { ...checkout, state: "paid", subscription };
    const subscriptionId = every === null ? null : id;
    const payment = await this.#charge(paid);
    await this.#tell("checkout.done", [{ type: "checkout_done", purchaseId: checkout.order.id, subscriptionId }]);
    if (card === "disputed") await this.#dispute(payment);
    return true;
  }

  /** Makes happen to a purchase what time and banks would. */
  async turn(id: string, turn: TestTurn): Promise<void> {
    const checkout = await this.#checkout(id);
    const { subscription } = checkout;
    const latest = checkout.payments.at(-1);
    if (turn === "dispute" && latest !== undefined) return await this.#dispute(latest);
    if ((turn === "dispute_won" || turn === "dispute_lost") && latest !== undefined)
      return await this.#closeDispute(latest, turn === "dispute_won" ? "won" : "lost");
    if (subscription === null || subscription.state === "ended")
      throw new PorchlightError("purchase_state", "This is no subscription that goes on.");
    if (turn === "renewal_refused")
      await this.#change({ ...checkout, subscription: { ...subscription, state: "past_due" } });
    else if (turn === "lapse" || subscription.cancelAtEnd)
      await this.#change({ ...checkout, subscription: { ...subscription, state: "ended" } });
    else await this.#charge({ ...checkout, subscription: { ...subscription, state: "active" } });
  }

  /** The publisher said who they are. Returns where they came from. */
  async finishOnboarding(account: string): Promise<string> {
    const found = await this.#account(account);
    await this.state.put({ ...found, payoutsEnabled: true });
    await this.#tell("account.updated", [{ type: "account", account, payoutsEnabled: true }]);
    return found.returnUrl;
  }

  /** Sends webhooks whose time has come; those that are not taken come again. Returns when the next one is due. */
  async deliver(send: (body: string, headers: Headers) => Promise<void>): Promise<number | undefined> {
    for (const { id, body } of await this.state.due(this.#now(), AT_ONCE)) {
      const { id: eventId } = eventSchema.parse(JSON.parse(body));
      const headers = new Headers(signedHeaders({ id: eventId, payload: body }, [this.#secret], this.#now()));
      try {
        await send(body, headers);
        await this.state.delivered(id);
      } catch (error) {
        console.error(`market: a webhook of the test provider was not taken:`, error);
        await this.state.again(id, this.#now() + AGAIN_MS);
      }
    }
    return await this.state.nextDue();
  }

  async #charge(checkout: TestCheckout): Promise<string> {
    const { order, payments, subscription, id } = checkout;
    const nowMs = this.#now();
    const payment = `tpay_${order.id}_${payments.length + 1}`;
    const coversUntilMs =
      order.every === null ? null : after(Math.max(nowMs, subscription?.coversUntilMs ?? 0), order.every);
    const { currency, amount: gross, id: purchaseId } = order;
    await this.state.put({ kind: "payment", id: payment, amount: gross, refunded: 0, dispute: "none" });
    const paid = { type: "payment", purchaseId, payment, currency, gross, paidAtMs: nowMs, coversUntilMs } as const;
    const begun: News[] = subscription === null ? [] : [{ type: "checkout_done", purchaseId, subscriptionId: id }];
    await this.#tell("paid", [...begun, { ...paid, receiptUrl: null }]);
    const fee = Math.floor((gross * FEE_PERCENT) / 100);
    if (fee > 0) await this.#tell("fee", [{ type: "fee", payment, id: `tfee_${payment}`, amount: fee }]);
    const goesOn = subscription === null || coversUntilMs === null ? null : { ...subscription, coversUntilMs };
    await this.state.put({ ...checkout, id, payments: [...payments, payment], subscription: goesOn });
    if (goesOn !== null) await this.#tellSubscription(checkout);
    return payment;
  }

  async #dispute(id: string): Promise<void> {
    const payment = await this.state.find("payment", id);
    const amount = (payment?.amount ?? 0) - (payment?.refunded ?? 0);
    if (payment?.dispute !== "none" || amount === 0)
      throw new PorchlightError("purchase_state", "There is nothing to dispute.");
    await this.state.put({ ...payment, dispute: "open" });
    const news = { type: "disputed", payment: id, dispute: `tdis_${id}`, amount, fee: DISPUTE_FEE } as const;
    await this.#tell("dispute.created", [news]);
  }

  async #closeDispute(id: string, outcome: "won" | "lost"): Promise<void> {
    const payment = await this.state.find("payment", id);
    if (payment?.dispute !== "open") throw new PorchlightError("purchase_state", "There is no open dispute.");
    await this.state.put({ ...payment, dispute: outcome });
    await this.#tell("dispute.closed", [{ type: "dispute_closed", payment: id, dispute: `tdis_${id}`, outcome }]);
  }

  async #change(checkout: TestCheckout): Promise<void> {
    await this.state.put(checkout);
    await this.#tellSubscription(checkout);
  }

  async #tellSubscription({ id, order, subscription }: TestCheckout): Promise<void> {
    if (subscription === null) return;
    const { state, cancelAtEnd } = subscription;
    const news = { type: "subscription", purchaseId: order.id, subscriptionId: id, state, cancelAtEnd } as const;
    await this.#tell("subscription.updated", [news]);
  }

  /** Once or twice, each at a moment of its own. */
  async #tell(type: string, news: News[]): Promise<void> {
    const nowMs = this.#now();
    const body = JSON.stringify({ id: `tev_${crypto.randomUUID()}`, type, atMs: nowMs, news });
    const times = this.#chance() < 0.3 ? 2 : 1;
    const late = (): number => nowMs + Math.floor(this.#chance() * LATE_MS);
    await this.state.send(body, Array.from({ length: times }, late));
  }

  /** What has a state is asked for, as the event may be old. */
  async #asItIsNow(news: News): Promise<News> {
    if (news.type === "account") return { ...news, payoutsEnabled: await this.payoutsEnabled(news.account) };
    if (news.type !== "subscription") return news;
    const { subscription } = await this.#checkout(news.subscriptionId);
    const { state, cancelAtEnd } = subscription ?? news;
    return { ...news, state, cancelAtEnd };
  }

  async #checkout(id: string): Promise<TestCheckout> {
    const found = await this.state.find("checkout", id);
    if (found === undefined) throw new PorchlightError("not_found", "There is no such checkout.");
    return found;
  }

  async #account(id: string) {
    const found = await this.state.find("account", id);
    if (found === undefined) throw new PorchlightError("not_found", "There is no such account.");
    return found;
  }
}

/** A month or year later, the last day where there is no such day. */
function after(ms: number, every: "month" | "year"): number {
  const from = new Date(ms);
  const months = every === "month" ? 1 : 12;
  const to = new Date(ms);
  to.setUTCMonth(from.getUTCMonth() + months);
  if (to.getUTCDate() !== from.getUTCDate()) to.setUTCDate(0);
  return to.getTime();
}
