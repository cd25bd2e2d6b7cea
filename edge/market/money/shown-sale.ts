import { z } from "@hono/zod-openapi";
import { refundableUntil } from "./buy.ts";
import { MONEY_LIMITS } from "./limits.ts";
import type { Payment, Sale } from "./sales.ts";

const moment = z.iso.datetime();
export const saleSchema = z
  .object({
    id: z.string(),
    plugin: z.string(),
    title: z.string(),
    price: z.object({
      currency: z.string(),
      minorUnits: z.number().int(),
      every: z.enum(["month", "year"]).nullable(),
    }),
    state: z.enum(["open", "expired", "bought", "lapsed", "returned"]).openapi({
      description:
        "open: not paid yet. bought: you have it. lapsed: the subscription is over. returned: the money went back, or your bank holds it.",
    }),
    test: z.boolean().openapi({ description: "By play money." }),
    checkoutUrl: z.string().nullable().openapi({ description: "Where to pay, while it is open." }),
    createdAt: moment,
    subscription: z
      .object({
        state: z.enum(["active", "past_due", "ended"]),
        endsItself: z.boolean().openapi({ description: "It was cancelled, and ends with what is paid for." }),
        coversUntil: moment.nullable(),
      })
      .nullable(),
    refundableUntil: moment.nullable().openapi({ description: "Until when you can have the latest payment back." }),
    payments: z.array(
      z.object({
        id: z.string(),
        paidAt: moment,
        currency: z.string(),
        gross: z.number().int().openapi({ description: "Minor units." }),
        left: z.number().int().openapi({ description: "Of it, what did not go back." }),
        coversUntil: moment.nullable(),
        receiptUrl: z.string().nullable(),
      }),
    ),
  })
  .openapi("Purchase");
export type ShownSale = z.infer<typeof saleSchema>;

/** A purchase as its buyer sees it; payments the latest first. */
export function shownSale(sale: Sale & { payments: readonly Payment[] }, nowMs: number): ShownSale {
  const { id, plugin, title, currency, amount: minorUnits, every, payments } = sale;
  const coversUntil = Math.max(0, ...payments.map((one) => (one.left > 0 ? (one.coversUntil ?? 0) : 0)));
  const until = payments.map((one) => refundableUntil(one, nowMs)).find((one) => one !== undefined);
  return {
    id,
    plugin,
    title,
    price: { currency, minorUnits, every },
    state: stateOf(sale, nowMs),
    test: sale.provider === "test",
    checkoutUrl: sale.state === "open" ? sale.checkoutUrl : null,
    createdAt: iso(sale.createdAt),
    subscription:
      sale.subscriptionId === null
        ? null
        : {
            state: sale.subscriptionState ?? "active",
            endsItself: sale.cancelAtEnd,
            coversUntil: coversUntil === 0 ? null : iso(coversUntil),
          },
    refundableUntil: until === undefined ? null : iso(until),
    payments: payments.map((one) => ({
      id: one.id,
      paidAt: iso(one.paidAt),
      currency: one.currency,
      gross: one.gross,
      left: one.left,
      coversUntil: one.coversUntil === null ? null : iso(one.coversUntil),
      receiptUrl: one.receiptUrl,
    })),
  };
}

function stateOf({ state, payments }: Sale & { payments: readonly Payment[] }, nowMs: number): ShownSale["state"] {
  if (state !== "paid") return state;
  const paid = payments.filter(({ left }) => left > 0);
  if (paid.length === 0) return "returned";
  const isCovered = paid.some(({ coversUntil }) => coversUntil === null || coversUntil + MONEY_LIMITS.graceMs > nowMs);
  return isCovered ? "bought" : "lapsed";
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
