import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/**
 * What is sold, beside the ledger: who bought what, with which payments, and who is paid. Amounts are minor units, times Unix
 * milliseconds. Persons are named as text: their records stay when they leave, as money has to be accounted for.
 */

/** What somebody wanted to buy of a plugin: once, or by the month or year. */
export const marketPurchases = sqliteTable(
  "market_purchases",
  {
    id: text().primaryKey(),
    userId: text("user_id").notNull(),
    /** `@publisher/name`. */
    plugin: text().notNull(),
    title: text().notNull(),
    publisherId: text("publisher_id").notNull(),
    currency: text().notNull(),
    amount: integer().notNull(),
    every: text({ enum: ["month", "year"] }),
    provider: text({ enum: ["stripe", "test"] }).notNull(),
    /** `open` until it is paid for the first time; `expired`: the checkout was left. */
    state: text({ enum: ["open", "paid", "expired"] }).notNull(),
    /** The provider's, once it has made them. */
    checkoutId: text("checkout_id"),
    checkoutUrl: text("checkout_url"),
    subscriptionId: text("subscription_id"),
    subscriptionState: text("subscription_state", { enum: ["active", "past_due", "ended"] }),
    cancelAtEnd: integer("cancel_at_end", { mode: "boolean" }).notNull().default(false),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [
    index("market_purchases_user").on(table.userId, table.plugin),
    index("market_purchases_plugin").on(table.plugin),
    // One at a time: a second click leads to the same checkout.
    uniqueIndex("market_purchases_open").on(table.userId, table.plugin).where(sql`${table.state} = 'open'`),
  ],
);

/** Money that came in: one for what is bought once, one for each period of a subscription. Its id is the provider's, and the ledger's. */
export const marketPayments = sqliteTable(
  "market_payments",
  {
    id: text().primaryKey(),
    purchaseId: text("purchase_id")
      .notNull()
      .references(() => marketPurchases.id),
    currency: text().notNull(),
    gross: integer().notNull(),
    paidAt: integer("paid_at").notNull(),
    /** Null: for good. */
    coversUntil: integer("covers_until"),
    /** What did not go back, and is not disputed: as the ledger says. At 0 it entitles to nothing. */
    left: integer().notNull(),
    receiptUrl: text("receipt_url"),
    /** When the developer's part is looked at for release, again and again until it is. */
    holdUntil: integer("hold_until").notNull(),
    releasedAt: integer("released_at"),
  },
  (table) => [
    index("market_payments_purchase").on(table.purchaseId),
    index("market_payments_hold").on(table.holdUntil).where(sql`${table.releasedAt} IS NULL`),
  ],
);

/** Events of the provider that were taken in. */
export const marketProviderEvents = sqliteTable(
  "market_provider_events",
  { id: text().primaryKey(), type: text().notNull(), at: integer().notNull() },
  (table) => [index("market_provider_events_at").on(table.at)],
);

/** Where a publisher's money goes. */
export const marketPayees = sqliteTable(
  "market_payees",
  {
    publisherId: text("publisher_id").primaryKey(),
    provider: text({ enum: ["stripe", "test"] }).notNull(),
    account: text().notNull(),
    /** The provider knows who they are, and pays them. */
    payoutsEnabled: integer("payouts_enabled", { mode: "boolean" }).notNull().default(false),
    /** Paid without asking, as soon as there is enough. */
    automatic: integer({ mode: "boolean" }).notNull().default(true),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [uniqueIndex("market_payees_account").on(table.account)],
);

export const marketDisputes = sqliteTable("market_disputes", {
  id: text().primaryKey(),
  paymentId: text("payment_id").notNull(),
  amount: integer().notNull(),
  state: text({ enum: ["open", "won", "lost"] }).notNull(),
  at: integer().notNull(),
});

/** Plugins whose buyers get their money back; kept until every one has it. */
export const marketClawbacks = sqliteTable("market_clawbacks", {
  plugin: text().primaryKey(),
  at: integer().notNull(),
  doneAt: integer("done_at"),
});

/** What the test provider keeps of checkouts, subscriptions and accounts; empty wherever real money is taken. */
export const marketTestObjects = sqliteTable("market_test_objects", {
  id: text().primaryKey(),
  /** JSON. */
  body: text().notNull(),
});

/** The test provider's webhooks under way. */
export const marketTestDeliveries = sqliteTable(
  "market_test_deliveries",
  { id: integer().primaryKey({ autoIncrement: true }), body: text().notNull(), dueAt: integer("due_at").notNull() },
  (table) => [index("market_test_deliveries_due").on(table.dueAt)],
);
