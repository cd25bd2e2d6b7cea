import { developerShare } from "../../../edge/market/money/share.ts";
import type { LedgerEvent } from "../../../edge/market/money/event.ts";

/** A number in [0, 1) for each call. */
export type Chance = () => number;

/** mulberry32, by Tommy Ettinger (public domain): small and quick, for stories that can be told again by their seed. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PUBLISHERS = 20;
const CURRENCIES = ["USD", "EUR", "JPY"];

/** What a purchase came to, told without any ledger. */
export interface Truth {
  publisherId: string;
  currency: string;
  gross: number;
  returned: number;
  fees: number;
  open: number;
  released: boolean;
}

/** What is sold: for a subscription the same in every period. */
interface Offer {
  publisherId: string;
  currency: string;
  gross: number;
}

function offer(chance: Chance): Offer {
  const below = (end: number): number => Math.floor(chance() * end);
  const gross = 1 + below(chance() < 0.1 ? 3 : 20_000);
  return { publisherId: `pub${below(PUBLISHERS)}`, currency: CURRENCIES[below(CURRENCIES.length)] ?? "USD", gross };
}

/** A subscription's periods: each a payment of its own, whose money may go back, be disputed and released by itself. */
export function subscriptionStory(id: number, chance: Chance): { events: LedgerEvent[]; truths: Truth[] } {
  const of = offer(chance);
  const periods = Array.from({ length: 1 + Math.floor(chance() * 14) }, (_, period) =>
    purchaseStory(id, chance, of, `s${id}.${period}`),
  );
  return { events: periods.flatMap(({ events }) => events), truths: periods.map(({ truth }) => truth) };
}

/** The events of one purchase as they happened, and what it came to. */
export function purchaseStory(
  id: number,
  chance: Chance,
  of: Offer = offer(chance),
  purchaseId = `p${id}`,
): { events: LedgerEvent[]; truth: Truth } {
  const below = (end: number): number => Math.floor(chance() * end);
  const { gross } = of;
  const fee = below(Math.min(gross, 90));
  const truth: Truth = {
    ...of,
    returned: 0,
    fees: fee,
    open: 0,
    released: false,
  };
  const { publisherId, currency } = truth;
  const events: LedgerEvent[] = [];
  const key = (): string => `${purchaseId}/${events.length}`;
  const common = { purchaseId, atMs: id };
  // Some providers tell their fee at once, others later.
  const isLate = fee > 0 && chance() < 0.5;
  const atOnce = isLate ? 0 : fee;
  events.push({
    ...common,
    key: key(),
    type: "paid",
    publisherId,
    plugin: `@p/${id % 7}`,
    currency,
    gross,
    fee: atOnce,
  });
  if (isLate) events.push({ ...common, key: key(), type: "fee", amount: fee });
  let dispute: { disputeId: string; amount: number } | undefined;
  const rest = (): number => gross - truth.returned - truth.open;
  for (let steps = below(6); steps > 0; steps--) {
    const kind = below(4);
    if (kind === 0 && rest() > 0) {
      const amount = 1 + below(rest());
      truth.returned += amount;
      events.push({ ...common, key: key(), type: "refunded", amount, reason: chance() < 0.5 ? "asked" : "malware" });
    } else if (kind === 1 && rest() > 0 && dispute === undefined) {
      dispute = { disputeId: key(), amount: 1 + below(rest()) };
      truth.open += dispute.amount;
      truth.fees += 15;
      events.push({ ...common, key: key(), type: "disputed", ...dispute, fee: 15 });
    } else if (kind === 2 && dispute !== undefined) {
      const outcome = chance() < 0.5 ? "won" : "lost";
      truth.open -= dispute.amount;
      if (outcome === "lost") truth.returned += dispute.amount;
      events.push({ ...common, key: key(), type: "dispute_closed", disputeId: dispute.disputeId, outcome });
      dispute = undefined;
    } else if (kind === 3 && !truth.released && truth.open === 0) {
      truth.released = true;
      events.push({ ...common, key: key(), type: "released" });
    }
  }
  return { events, truth };
}

/** Balances that these purchases come to, by `account currency`. */
export function expectedBalances(truths: Iterable<Truth>): Map<string, number> {
  const balances = new Map<string, number>();
  const add = (account: string, currency: string, amount: number): void => {
    const name = `${account} ${currency}`;
    balances.set(name, (balances.get(name) ?? 0) + amount);
  };
  for (const { publisherId, currency, gross, returned, fees, open, released } of truths) {
    const kept = gross - returned;
    const share = developerShare(kept);
    add("provider", currency, kept - open - fees);
    add("disputed", currency, open);
    add("market", currency, fees - (kept - share));
    add(`${released ? "available" : "held"}:${publisherId}`, currency, -share);
  }
  return balances;
}

/** Every event at least once, some twice or thrice, in any order but nearly that in which they happened where `spread` is small. */
export function delivered(events: readonly LedgerEvent[], chance: Chance, spread: number): LedgerEvent[] {
  const placed = events.flatMap((event, at) => {
    const times = 1 + Math.floor(chance() ** 4 * 3);
    return Array.from({ length: times }, () => ({ event, place: at + chance() * spread }));
  });
  return placed.toSorted((a, b) => a.place - b.place).map(({ event }) => event);
}
