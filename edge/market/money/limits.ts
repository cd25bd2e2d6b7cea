const DAY = 24 * 3600_000;

/** Times and bounds of buying, each with its reason. */
export const MONEY_LIMITS = {
  /** Buyers may ask for their money back; so long the developer's part is held. */
  holdMs: 14 * DAY,
  /** While a dispute is open nothing is released; looked at again after this. */
  disputeAgainMs: DAY,
  /** A subscription goes on so long behind what was paid for: providers try a card more than once. */
  graceMs: 3 * DAY,
  /** A checkout that somebody left is good for so long; providers keep one for a day. */
  checkoutMs: 20 * 3600_000,
  /** After a malware verdict, payments of this time go back: banks do not take refunds of older ones for sure. */
  clawbackMs: 180 * DAY,
  /** Minor units from which payouts are automatic: 10.00 EUR, 1,000 JPY. By hand, any amount. */
  automaticPayout: 1_000,
  /** How often what was held is looked at, and payouts: the market's alarm rings oftener than that. */
  upkeepMs: 600_000,
  /** Payments that are released, or given back, at one ring of the market. */
  atOnce: 100,
  /** Of a person's purchases that are listed. */
  listed: 200,
  /** Of a webhook: Stripe's largest events are some hundred KiB. */
  webhookBytes: 1024 * 1024,
  /** Ids of events are kept for so long; providers repeat them for days. The ledger knows them for good. */
  eventsMs: 60 * DAY,
} as const;
