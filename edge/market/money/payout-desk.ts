import { PorchlightError } from "../../../shared/errors.ts";
import type { Database } from "../../store/database.ts";
import { D1Book } from "./d1-book.ts";
import { streamOf } from "./event.ts";
import { Ledger } from "./ledger.ts";
import { MONEY_LIMITS } from "./limits.ts";
import type { PaymentProvider } from "./provider/provider.ts";
import { automaticPayees, changePayee, findPayee, type Payee, putPayee } from "./sales.ts";

/** A payout that the provider refused is tried again by itself after this. */
const AGAIN_MS = 24 * 3600_000;
/** More goes with the next one: what an event of the ledger takes. */
const MOST = 1_000_000_000;
const PAYEES = 50;

interface Paying {
  db: Database;
  provider: PaymentProvider;
  nowMs: number;
}

export interface Payout {
  id: string;
  amount: number;
  state: "sent" | "paid" | "failed";
}

/** The publisher's account, made if there is none at this provider; and where they tell it who they are. */
export async function connectPayouts(
  { db, provider, nowMs }: Paying,
  publisherId: string,
  returnUrl: string,
): Promise<string> {
  let payee = await findPayee(db, publisherId);
  if (payee?.provider !== provider.name) {
    const account = await provider.createAccount({ publisherId, key: `account ${publisherId}` });
    const made = { provider: provider.name, account, payoutsEnabled: false };
    if (payee === undefined) await putPayee(db, { publisherId, ...made, createdAt: nowMs });
    else await changePayee(db, { publisherId }, made);
    payee = await findPayee(db, publisherId);
  }
  if (payee === undefined) throw new Error("A payee that was written is not there.");
  return await provider.onboardingUrl(payee.account, returnUrl);
}

/** The publisher's account as the provider has it now. */
export async function lookUpPayee({ db, provider }: Paying, publisherId: string): Promise<Payee | undefined> {
  const payee = await findPayee(db, publisherId);
  if (payee === undefined || payee.provider !== provider.name || payee.payoutsEnabled) return payee;
  const payoutsEnabled = await provider.payoutsEnabled(payee.account);
  if (payoutsEnabled) await changePayee(db, { publisherId }, { payoutsEnabled });
  return { ...payee, payoutsEnabled };
}

/**
 * Pays a publisher what is available, if that is `least` or more; first of all one that was under way when something broke. It is in the
 * ledger before the provider is asked, under an id that counts them: asked again, it is the same payout. Only one at a time may run for
 * a publisher: see Market. Undefined where there is not enough. Throws `payout_not_ready`, `payment_failed`.
 */
export async function payOut(
  { db, provider, nowMs }: Paying,
  payee: Payee,
  currency: string,
  least: number,
): Promise<Payout | undefined> {
  if (!payee.payoutsEnabled || payee.provider !== provider.name) throw new PorchlightError("payout_not_ready");
  const { publisherId, account } = payee;
  const ledger = new Ledger(new D1Book(db));
  const before = await ledger.payouts(publisherId, currency);
  let [id] = [...before].find(([, { state }]) => state === "sent") ?? [];
  const of = { publisherId, currency, atMs: nowMs };
  if (id === undefined) {
    const amount = Math.min(await ledger.availableTo(publisherId, currency), MOST);
    if (amount < least) return undefined;
    id = `payout_${publisherId}_${currency}_${before.size + 1}`;
    await ledger.record({ ...of, type: "payout_sent", key: `payout sent ${id}`, payoutId: id, amount });
  }
  const payout = (await ledger.payouts(publisherId, currency)).get(id);
  if (payout === undefined) throw new Error("A payout that was written is not there.");
  const outcome = await provider.transfer({ key: id, account, currency, amount: payout.amount });
  await ledger.record({ ...of, type: "payout_closed", key: `payout closed ${id}`, payoutId: id, outcome });
  return { id, amount: payout.amount, state: outcome };
}

/** Pays everybody who wants to be paid by themselves. One that cannot be paid keeps nobody else from it. */
export async function payAutomatically(
  paying: Paying,
  currenciesOf: (publisherId: string) => Promise<string[]>,
): Promise<void> {
  for (let after = ""; ; ) {
    const payees = await automaticPayees(paying.db, after, PAYEES);
    for (const payee of payees) {
      after = payee.publisherId;
      if (payee.provider !== paying.provider.name) continue;
      for (const currency of await currenciesOf(payee.publisherId)) await payOne(paying, payee, currency);
    }
    if (payees.length < PAYEES) return;
  }
}

async function payOne(paying: Paying, payee: Payee, currency: string): Promise<void> {
  try {
    const { publisherId } = payee;
    if (await failedLately(paying, publisherId, currency)) return;
    await payOut(paying, payee, currency, MONEY_LIMITS.automaticPayout);
  } catch (error) {
    console.error(`market: ${payee.publisherId} could not be paid out in ${currency}:`, error);
  }
}

async function failedLately({ db, nowMs }: Paying, publisherId: string, currency: string): Promise<boolean> {
  const of = {
    type: "payout_closed",
    key: "-",
    payoutId: "-",
    publisherId,
    currency,
    outcome: "failed",
    atMs: 0,
  } as const;
  const last = (await new D1Book(db).events(streamOf(of))).at(-1);
  return last?.type === "payout_closed" && last.outcome === "failed" && last.atMs + AGAIN_MS > nowMs;
}
