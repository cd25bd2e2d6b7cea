import { available, type Entry, PROVIDER, transaction, transit } from "./entry.ts";
import type { LedgerEvent } from "./event.ts";
import { WAIT } from "./purchase.ts";

export type PayoutEvent = Extract<LedgerEvent, { payoutId: string }>;

/** A developer's payouts in one currency, by their ids. */
export type Payouts = ReadonlyMap<string, { amount: number; state: "sent" | "paid" | "failed" }>;

/** The next event of payouts: what they are then, and the lines to write. */
export function nextPayouts(before: Payouts, event: PayoutEvent): { payouts: Payouts; entries: Entry[] } | typeof WAIT {
  const { payoutId, publisherId, currency } = event;
  const payout = before.get(payoutId);
  if (event.type === "payout_sent") {
    if (payout !== undefined) return { payouts: before, entries: [] };
    const { amount } = event;
    const entries = transaction(currency, [
      [available(publisherId), amount],
      [transit(publisherId), -amount],
    ]);
    return { payouts: new Map(before).set(payoutId, { amount, state: "sent" }), entries };
  }
  if (payout === undefined) return WAIT;
  if (payout.state !== "sent") return { payouts: before, entries: [] };
  const entries = transaction(currency, [
    [transit(publisherId), payout.amount],
    [event.outcome === "paid" ? PROVIDER : available(publisherId), -payout.amount],
  ]);
  return { payouts: new Map(before).set(payoutId, { ...payout, state: event.outcome }), entries };
}
