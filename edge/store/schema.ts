import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { ROLES } from "../access/roles.ts";

/** All times are Unix milliseconds. Secrets are kept as SHA-256 (base64url): they are random, so a fast hash is enough. */

/** A household: its machines, and the people who share them. */
export const accounts = sqliteTable("accounts", {
  id: text().primaryKey(),
  name: text().notNull(),
  createdAt: integer("created_at").notNull(),
});

const accountId = () =>
  text("account_id")
    .notNull()
    .references(() => accounts.id, { onDelete: "cascade" });

/** A person of a household. The first one of an account made before there were users has the account's own id. */
export const users = sqliteTable(
  "users",
  {
    id: text().primaryKey(),
    accountId: accountId(),
    name: text().notNull(),
    role: text({ enum: ROLES }).notNull(),
    /** scrypt with its parameters and salt (credentials/password.ts); null: no password. */
    passwordHash: text("password_hash"),
    createdAt: integer("created_at").notNull(),
  },
  // One signs in by name and password: names differ by more than case.
  (table) => [uniqueIndex("users_name").on(sql`lower(${table.name})`), index("users_account").on(table.accountId)],
);

const userId = () =>
  text("user_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" });

/** Which household an inbound webhook's address belongs to; all else of it is in that household's own object. */
export const hooks = sqliteTable(
  "hooks",
  { id: text().primaryKey(), accountId: accountId(), userId: userId(), createdAt: integer("created_at").notNull() },
  (table) => [index("hooks_user").on(table.userId)],
);

/** WebAuthn credentials. */
export const passkeys = sqliteTable(
  "passkeys",
  {
    /** The credential's id, base64url, chosen by the authenticator. */
    id: text().primaryKey(),
    userId: userId(),
    name: text().notNull(),
    /** COSE key, base64url. */
    publicKey: text("public_key").notNull(),
    /** Signatures the authenticator says it made; 0 forever where it does not count. */
    counter: integer().notNull(),
    /** JSON array of hints for the browser. */
    transports: text().notNull(),
    /** Model of the authenticator. */
    aaguid: text().notNull(),
    backedUp: integer("backed_up", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
    lastUsedAt: integer("last_used_at"),
  },
  (table) => [index("passkeys_user").on(table.userId)],
);

export const recoveryCodes = sqliteTable(
  "recovery_codes",
  { hash: text().primaryKey(), userId: userId(), createdAt: integer("created_at").notNull() },
  (table) => [index("recovery_codes_user").on(table.userId)],
);

export const invitations = sqliteTable(
  "invitations",
  {
    hash: text().primaryKey(),
    /** For lists: tells nothing of the code. */
    id: text().notNull(),
    accountId: accountId(),
    role: text({ enum: ROLES }).notNull(),
    createdBy: text("created_by")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [index("invitations_account").on(table.accountId), index("invitations_expiry").on(table.expiresAt)],
);

export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: text().primaryKey(),
    accountId: accountId(),
    hash: text().notNull(),
    /** The first characters, to tell keys apart in a list. */
    prefix: text().notNull(),
    name: text().notNull(),
    /** What the key may do at most, see access/scopes.ts; never more than its person may. */
    scope: text().notNull(),
    createdAt: integer("created_at").notNull(),
    lastUsedAt: integer("last_used_at"),
    revokedAt: integer("revoked_at"),
    /** Whose key it is. Null never stays: SQLite only cannot add a column that is not null. */
    userId: text("user_id").references(() => users.id, { onDelete: "cascade" }),
    /** Null: never. */
    expiresAt: integer("expires_at"),
    /** JSON array of names of models, see credentials/key-grant.ts; null: all. */
    models: text(),
    /** Share of a busy machine. */
    priority: text({ enum: ["low", "normal", "high"] })
      .notNull()
      .default("normal"),
    /** Limits; null: none. */
    requestsPerMinute: integer("requests_per_minute"),
    tokensPerDay: integer("tokens_per_day"),
    nodeSecondsPerDay: integer("node_seconds_per_day"),
    /** Which of two states of the limits is the newer one. */
    updatedAt: integer("updated_at").notNull().default(0),
  },
  (table) => [uniqueIndex("api_keys_hash").on(table.hash), index("api_keys_account").on(table.accountId)],
);

export const agents = sqliteTable(
  "agents",
  {
    id: text().primaryKey(),
    accountId: accountId(),
    name: text().notNull(),
    /** Raw Ed25519 key, base64url: the machine's identity. */
    publicKey: text("public_key").notNull(),
    createdAt: integer("created_at").notNull(),
    lastSeenAt: integer("last_seen_at"),
    revokedAt: integer("revoked_at"),
    /** The owner gave it its name, which pairing again does not take away. */
    renamed: integer({ mode: "boolean" }).notNull().default(false),
  },
  (table) => [uniqueIndex("agents_account_key").on(table.accountId, table.publicKey)],
);

export const oneTimeCodes = sqliteTable(
  "one_time_codes",
  {
    hash: text().primaryKey(),
    kind: text({ enum: ["pairing", "sign_in"] }).notNull(),
    accountId: accountId(),
    expiresAt: integer("expires_at").notNull(),
    /** Who made the code: a sign-in link signs this person in. */
    userId: text("user_id").references(() => users.id, { onDelete: "cascade" }),
  },
  (table) => [index("one_time_codes_expiry").on(table.expiresAt)],
);

/** Machines that ask to be let in (RFC 8628), until they have fetched the answer. */
export const deviceAuthorizations = sqliteTable(
  "device_authorizations",
  {
    /** Of the device code, which only the machine knows. */
    hash: text().primaryKey(),
    /** In the addresses of pages: tells nothing of either code. */
    id: text().notNull(),
    userCodeHash: text("user_code_hash").notNull(),
    publicKey: text("public_key").notNull(),
    /** The machine's own word, as is the system; the address is what the edge saw. */
    name: text().notNull(),
    system: text().notNull(),
    address: text().notNull(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** Grows when it is not kept to. */
    intervalMs: integer("interval_ms").notNull(),
    lastPolledAt: integer("last_polled_at").notNull(),
    state: text({ enum: ["pending", "approved", "denied"] }).notNull(),
    /** Who approved or denied it; whoever is removed takes the approval along. */
    decidedBy: text("decided_by").references(() => users.id, { onDelete: "cascade" }),
  },
  (table) => [
    uniqueIndex("device_authorizations_id").on(table.id),
    uniqueIndex("device_authorizations_user_code").on(table.userCodeHash),
    index("device_authorizations_expiry").on(table.expiresAt),
  ],
);

/** WebAuthn ceremonies under way, and proofs of publishers' keys, by the hash of their challenge. */
export const ceremonies = sqliteTable(
  "ceremonies",
  {
    hash: text().primaryKey(),
    kind: text({ enum: ["set_up", "join", "add", "sign_in", "confirm", "publisher_key"] }).notNull(),
    /** Whom the passkey is made for, or who confirms; null while nobody has said who they are. */
    subject: text(),
    /** The name a new person chose. */
    name: text(),
    expiresAt: integer("expires_at").notNull(),
  },
  (table) => [index("ceremonies_expiry").on(table.expiresAt)],
);

export const sessions = sqliteTable(
  "sessions",
  {
    hash: text().primaryKey(),
    /** For lists: tells nothing of the cookie. */
    id: text().notNull(),
    userId: userId(),
    method: text({ enum: ["passkey", "password", "recovery", "link"] }).notNull(),
    userAgent: text("user_agent").notNull(),
    address: text().notNull(),
    createdAt: integer("created_at").notNull(),
    lastSeenAt: integer("last_seen_at").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** When the person last proved to be there: dangerous things ask for a fresh proof. 0: not yet. */
    confirmedAt: integer("confirmed_at").notNull(),
  },
  (table) => [
    uniqueIndex("sessions_id").on(table.id),
    index("sessions_user").on(table.userId),
    index("sessions_expiry").on(table.expiresAt),
  ],
);

/** Failed or costly tries per bucket (see credentials/attempts.ts). */
export const attempts = sqliteTable(
  "attempts",
  { bucket: text().primaryKey(), count: integer().notNull(), expiresAt: integer("expires_at").notNull() },
  (table) => [index("attempts_expiry").on(table.expiresAt)],
);

/** Requests under an idempotency key, and their answers (middleware/idempotency.ts). Nothing in it can be read without the caller. */
export const idempotency = sqliteTable(
  "idempotency",
  {
    /** A MAC of the key under the caller's credential. */
    id: text().primaryKey(),
    /** The API key or the session: whose limits it counts for. */
    caller: text().notNull(),
    userId: userId(),
    /** Of the try that carries the request out. */
    token: text().notNull(),
    /** A MAC of address and body. */
    fingerprint: text().notNull(),
    /** Without an answer: when whoever carries it out must be lost. */
    leaseUntil: integer("lease_until").notNull(),
    expiresAt: integer("expires_at").notNull(),
    /** Of the answer. Before it: a sum over many need not read past it. */
    bytes: integer().notNull(),
    /** Sealed for the caller; null while the request runs. */
    answer: text(),
  },
  (table) => [index("idempotency_caller").on(table.caller), index("idempotency_expiry").on(table.expiresAt)],
);

/** Every security event. Names are kept as they were: people may be renamed or gone. */
export const auditLog = sqliteTable(
  "audit_log",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    /** Null where the event belongs to no household yet, such as a wrong set-up token. */
    accountId: text("account_id").references(() => accounts.id, { onDelete: "cascade" }),
    at: integer().notNull(),
    action: text().notNull(),
    actorId: text("actor_id"),
    actor: text().notNull(),
    target: text().notNull(),
    address: text().notNull(),
    userAgent: text("user_agent").notNull(),
  },
  (table) => [index("audit_log_account").on(table.accountId, table.id), index("audit_log_at").on(table.at)],
);

/** Keys of this edge's own, each for one use: what they seal lies elsewhere, in Durable Objects. */
export const edgeKeys = sqliteTable("edge_keys", {
  use: text().primaryKey(),
  /** 32 random bytes, base64url. */
  value: text().notNull(),
  createdAt: integer("created_at").notNull(),
});
