import { z } from "zod";

/** Minor units of a currency: far below what a number counts exactly, even times a hundred. */
export const amountSchema = z.int().min(1).max(1_000_000_000);
const feeSchema = z.int().min(0).max(1_000_000_000);
const idSchema = z.string().min(1).max(128);
export const currencySchema = z.string().regex(/^[A-Z]{3}$/);

const common = {
  /** Names the event for good: the same key again is the same event. */
  key: z.string().min(1).max(256),
  /** Unix milliseconds. */
  atMs: z.int().nonnegative(),
};
const ofPurchase = { ...common, purchaseId: idSchema };
const ofPayout = { ...common, payoutId: idSchema, publisherId: idSchema, currency: currencySchema };

/** What happens to money, as a payment provider or the market tells it: in any order, and as often as it likes. */
export const ledgerEventSchema = z.discriminatedUnion("type", [
  z.strictObject({
    ...ofPurchase,
    type: z.literal("paid"),
    publisherId: idSchema,
    plugin: z.string().max(128),
    currency: currencySchema,
    /** All that the buyer paid. */
    gross: amountSchema,
    /** What the provider kept of it: it is the market's to bear. */
    fee: feeSchema,
  }),
  /** What the provider kept, where it tells later. */
  z.strictObject({ ...ofPurchase, type: z.literal("fee"), amount: amountSchema }),
  z.strictObject({
    ...ofPurchase,
    type: z.literal("refunded"),
    amount: amountSchema,
    reason: z.enum(["asked", "malware"]),
  }),
  /** The buyer's bank takes the money back until it is decided whose it is. */
  z.strictObject({
    ...ofPurchase,
    type: z.literal("disputed"),
    disputeId: idSchema,
    amount: amountSchema,
    fee: feeSchema,
  }),
  z.strictObject({
    ...ofPurchase,
    type: z.literal("dispute_closed"),
    disputeId: idSchema,
    outcome: z.enum(["won", "lost"]),
  }),
  /** The time is over in which buyers may ask for their money back. */
  z.strictObject({ ...ofPurchase, type: z.literal("released") }),
  /** Earnings are on their way to the developer. */
  z.strictObject({ ...ofPayout, type: z.literal("payout_sent"), amount: amountSchema }),
  z.strictObject({ ...ofPayout, type: z.literal("payout_closed"), outcome: z.enum(["paid", "failed"]) }),
]);
export type LedgerEvent = z.infer<typeof ledgerEventSchema>;

/** Events of one stream are written one after the other; those of different streams know nothing of each other. */
export function streamOf(event: LedgerEvent): string {
  return "purchaseId" in event ? `purchase:${event.purchaseId}` : `payee:${event.publisherId}:${event.currency}`;
}
