import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The catalogue's full-text index, which a migration makes by hand: drizzle-kit knows no virtual tables. */
export const marketSearch = sqliteTable("market_search", { rowid: integer().notNull(), text: text().notNull() });
