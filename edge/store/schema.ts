import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** All times are Unix milliseconds. Secrets are kept as SHA-256 (base64url): they are random, so a fast hash is enough. */

export const accounts = sqliteTable("accounts", {
  id: text().primaryKey(),
  name: text().notNull(),
  role: text({ enum: ["owner", "member"] }).notNull(),
  createdAt: integer("created_at").notNull(),
});

export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().primaryKey(),
    accountId: text("account_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    hash: text().notNull(),
    /** The first characters, to tell keys apart in a list. */
    prefix: text().notNull(),
    name: text().notNull(),
    /** What the key may do at most; never more than its account may. */
    scope: text({ enum: ["owner", "inference"] }).notNull(),
    createdAt: integer("created_at").notNull(),
    lastUsedAt: integer("last_used_at"),
    revokedAt: integer("revoked_at"),
  },
  (table) => [uniqueIndex("api_keys_hash").on(table.hash), index("api_keys_account").on(table.accountId)],
);

export const agents = sqliteTable(
  "agents",
  {
    id: text().primaryKey(),
    accountId: text("account_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    name: text().notNull(),
    /** Raw Ed25519 key, base64url: the machine's identity. */
    publicKey: text("public_key").notNull(),
    createdAt: integer("created_at").notNull(),
    lastSeenAt: integer("last_seen_at"),
    revokedAt: integer("revoked_at"),
  },
  (table) => [uniqueIndex("agents_account_key").on(table.accountId, table.publicKey)],
);

export const oneTimeCodes = sqliteTable(
  "one_time_codes",
  {
    hash: text().primaryKey(),
    kind: text({ enum: ["pairing", "sign_in"] }).notNull(),
    accountId: text("account_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [index("one_time_codes_expiry").on(table.expiresAt)],
);

export const sessions = sqliteTable(
  "sessions",
  {
    hash: text().primaryKey(),
    accountId: text("account_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [index("sessions_expiry").on(table.expiresAt)],
);
