import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** The market's ledger. Rows of events and entries are written once and never changed or deleted: they are what money is accounted for by. */
export const ledgerEvents = sqliteTable(
  "ledger_events",
  {
    stream: text().notNull(),
    seq: integer().notNull(),
    key: text().notNull(),
    atMs: integer("at").notNull(),
    /** As JSON: see ledgerEventSchema. */
    event: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.stream, table.seq] }), uniqueIndex("ledger_events_key").on(table.key)],
);

export const ledgerEntries = sqliteTable(
  "ledger_entries",
  {
    stream: text().notNull(),
    seq: integer().notNull(),
    line: integer().notNull(),
    account: text().notNull(),
    currency: text().notNull(),
    /** Minor units. */
    amount: integer().notNull(),
    atMs: integer("at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.stream, table.seq, table.line] }),
    index("ledger_entries_account").on(table.account, table.currency, table.atMs),
  ],
);

/** Events whose time has not come. */
export const ledgerWaiting = sqliteTable(
  "ledger_waiting",
  { key: text().primaryKey(), stream: text().notNull(), event: text().notNull() },
  (table) => [index("ledger_waiting_stream").on(table.stream)],
);
