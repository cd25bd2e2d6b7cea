import { available, DISPUTED, type Entry, held, MARKET, PROVIDER, transaction } from "./entry.ts";
import type { LedgerEvent } from "./event.ts";
import { developerShare } from "./share.ts";

export type PurchaseEvent = Extract<LedgerEvent, { purchaseId: string }>;

/** A purchase, as its events so far make it. */
export interface Purchase {
  publisherId: string;
  plugin: string;
  currency: string;
  gross: number;
  /** What went back to the buyer for good. */
  returned: number;
  /** Disputes by their id. */
  disputes: ReadonlyMap<string, { amount: number; state: "open" | "won" | "lost" }>;
  released: boolean;
}

/** An event that belongs to what is yet to come: it is kept until then. */
export const WAIT = "wait";

/**
 * The next event of a purchase: what it is then, and the lines to write. Developer and market have the shares of what the buyer has not got
 * back, to the last unit, in whatever order refunds come: each returns the difference of the shares before and after it. What an event is
 * allowed to be is decided before it is made: here, what has happened is written down.
 */
export function nextPurchase(
  before: Purchase | undefined,
  event: PurchaseEvent,
): { purchase: Purchase; entries: Entry[] } | typeof WAIT {
  if (event.type === "paid") return before === undefined ? paid(event) : { purchase: before, entries: [] };
  if (before === undefined) return WAIT;
  const { currency, publisherId } = before;
  if (event.type === "released") {
    const share = before.released ? 0 : developerShare(before.gross - before.returned);
    const entries = transaction(currency, [
      [held(publisherId), share],
      [available(publisherId), -share],
    ]);
    return { purchase: { ...before, released: true }, entries };
  }
  if (event.type === "fee") {
    const entries = transaction(currency, [
      [PROVIDER, -event.amount],
      [MARKET, event.amount],
    ]);
    return { purchase: before, entries };
  }
  if (event.type === "refunded") {
    return returned(before, event.amount, PROVIDER);
  }
  if (event.type === "disputed") return disputed(before, event);
  const dispute = before.disputes.get(event.disputeId);
  if (dispute === undefined) return WAIT;
  if (dispute.state !== "open") return { purchase: before, entries: [] };
  const disputes = new Map(before.disputes).set(event.disputeId, { ...dispute, state: event.outcome });
  const closed = { ...before, disputes };
  if (event.outcome === "lost") return returned(closed, dispute.amount, DISPUTED);
  const entries = transaction(currency, [
    [PROVIDER, dispute.amount],
    [DISPUTED, -dispute.amount],
  ]);
  return { purchase: closed, entries };
}

function paid({ publisherId, plugin, currency, gross, fee }: Extract<PurchaseEvent, { type: "paid" }>) {
  const share = developerShare(gross);
  const entries = transaction(currency, [
    [PROVIDER, gross - fee],
    [held(publisherId), -share],
    [MARKET, fee - (gross - share)],
  ]);
  const disputes: Purchase["disputes"] = new Map();
  return { purchase: { publisherId, plugin, currency, gross, returned: 0, disputes, released: false }, entries };
}

function disputed(before: Purchase, { disputeId, amount, fee }: Extract<PurchaseEvent, { type: "disputed" }>) {
  if (before.disputes.has(disputeId)) return { purchase: before, entries: [] };
  const disputes = new Map(before.disputes).set(disputeId, { amount, state: "open" as const });
  const entries = transaction(before.currency, [
    [PROVIDER, -amount - fee],
    [DISPUTED, amount],
    [MARKET, fee],
  ]);
  return { purchase: { ...before, disputes }, entries };
}

/** So much goes back to the buyer for good, out of that account. More than was paid cannot: that waits for somebody to look at it. */
function returned(
  before: Purchase,
  amount: number,
  from: string,
): { purchase: Purchase; entries: Entry[] } | typeof WAIT {
  const { publisherId, currency, gross } = before;
  const rest = gross - before.returned;
  if (amount > rest) return WAIT;
  const share = developerShare(rest) - developerShare(rest - amount);
  const entries = transaction(currency, [
    [from, -amount],
    [before.released ? available(publisherId) : held(publisherId), share],
    [MARKET, amount - share],
  ]);
  return { purchase: { ...before, returned: before.returned + amount }, entries };
}

/** What may still be asked back: disputes that are open hold theirs. */
export function left({ gross, returned: back, disputes }: Purchase): number {
  const open = [...disputes.values()].filter(({ state }) => state === "open");
  return gross - back - open.reduce((sum, { amount }) => sum + amount, 0);
}
