import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Packages that were sent here or fetched, to be looked at or installed. What nobody comes to hold is collected. */
export const pluginPackages = sqliteTable(
  "plugin_packages",
  {
    hash: text().primaryKey(),
    /** When somebody last sent, fetched or installed it. */
    touchedAt: integer("touched_at").notNull(),
    /** It is being deleted: nobody takes hold of it any more. */
    collecting: integer({ mode: "boolean" }).notNull().default(sql`0`),
  },
  (table) => [index("plugin_packages_touched").on(table.touchedAt)],
);

/** Households in which somebody has a package installed, or can go back to it. */
export const pluginPackageHolds = sqliteTable(
  "plugin_package_holds",
  { hash: text().notNull(), home: text().notNull() },
  (table) => [primaryKey({ columns: [table.hash, table.home] }), index("plugin_package_holds_home").on(table.home)],
);
