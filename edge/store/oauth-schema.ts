import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { users } from "./schema.ts";

/** Programs that registered themselves (RFC 7591). What they say of themselves is their own word. */
export const oauthClients = sqliteTable(
  "oauth_clients",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    /** JSON array of addresses. */
    redirectUris: text("redirect_uris").notNull(),
    createdAt: integer("created_at").notNull(),
    /** Soon, until somebody lets it in. */
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [index("oauth_clients_expiry").on(table.expiresAt)],
);

/** What a person let a program do: all of its tokens hang on it, and go with it. */
export const oauthGrants = sqliteTable(
  "oauth_grants",
  {
    id: text().primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    clientId: text("client_id").notNull(),
    clientName: text("client_name").notNull(),
    /** Where its person was sent back to: more than a name, it says who it is. */
    redirectTo: text("redirect_to").notNull(),
    scope: text().notNull(),
    /** Audience of its tokens (RFC 8707). */
    resource: text().notNull(),
    createdAt: integer("created_at").notNull(),
    lastUsedAt: integer("last_used_at"),
  },
  (table) => [index("oauth_grants_user").on(table.userId)],
);

const grantId = () =>
  text("grant_id")
    .notNull()
    .references(() => oauthGrants.id, { onDelete: "cascade" });

/** Authorization codes. One that was used stays for a while: whoever shows it again has stolen it, or was stolen from. */
export const oauthCodes = sqliteTable(
  "oauth_codes",
  {
    hash: text().primaryKey(),
    grantId: grantId(),
    redirectUri: text("redirect_uri").notNull(),
    /** S256 of the verifier (RFC 7636). */
    challenge: text().notNull(),
    expiresAt: integer("expires_at").notNull(),
    usedAt: integer("used_at"),
  },
  (table) => [index("oauth_codes_expiry").on(table.expiresAt), index("oauth_codes_grant").on(table.grantId)],
);

export const oauthTokens = sqliteTable(
  "oauth_tokens",
  {
    hash: text().primaryKey(),
    grantId: grantId(),
    kind: text({ enum: ["access", "refresh"] }).notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** Of a refresh token that was exchanged for another. It stays, so that a second use is seen. */
    spentAt: integer("spent_at"),
  },
  (table) => [index("oauth_tokens_expiry").on(table.expiresAt), index("oauth_tokens_grant").on(table.grantId)],
);
