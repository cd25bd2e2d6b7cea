import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { VERSION_STATES } from "../../../shared/market/states.ts";
import { REPORT_REASONS } from "../../../shared/market/reports.ts";
import { REVOCATION_REASONS } from "../../../shared/market/revocations.ts";
import { SEVERITIES } from "../../../shared/market/findings.ts";
import { users } from "../../store/schema.ts";

/**
 * The market: catalogue, review and trust. Packages are in R2 under `packages/<hash>`. All times are Unix milliseconds. Who leaves the
 * edge leaves what they published behind: others have it installed.
 */

const person = (column: string) => text(column).references(() => users.id, { onDelete: "set null" });

/** What people may do for the market beside publishing. The edge's owners are administrators without a row. */
export const marketRoles = sqliteTable("market_roles", {
  userId: text("user_id")
    .primaryKey()
    .references(() => users.id, { onDelete: "cascade" }),
  role: text({ enum: ["reviewer", "administrator"] }).notNull(),
  grantedBy: person("granted_by"),
  grantedAt: integer("granted_at").notNull(),
});

export const marketPublishers = sqliteTable(
  "market_publishers",
  {
    id: text().primaryKey(),
    /** Null: nobody of this edge any more. */
    userId: person("user_id"),
    name: text().notNull(),
    /** May ask for its plugins to be official. */
    official: integer({ mode: "boolean" }).notNull().default(false),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [uniqueIndex("market_publishers_user").on(table.userId)],
);

const publisherId = () =>
  text("publisher_id")
    .notNull()
    .references(() => marketPublishers.id);

/** Whose `@namespace` is. Never given up, so that nobody takes over a name that people trust. */
export const marketNamespaces = sqliteTable(
  "market_namespaces",
  {
    namespace: text().primaryKey(),
    publisherId: publisherId(),
    claimedAt: integer("claimed_at").notNull(),
  },
  (table) => [index("market_namespaces_publisher").on(table.publisherId)],
);

/** Ed25519 keys that publishers showed to hold. */
export const marketPublisherKeys = sqliteTable(
  "market_publisher_keys",
  {
    /** Raw key, base64url. It is one publisher's for ever. */
    publicKey: text("public_key").primaryKey(),
    publisherId: publisherId(),
    name: text().notNull(),
    createdAt: integer("created_at").notNull(),
    revokedAt: integer("revoked_at"),
  },
  (table) => [index("market_publisher_keys_publisher").on(table.publisherId)],
);

/** A plugin as the catalogue shows it: what its newest published version says. The full-text index `market_search` goes by `seq`. */
export const marketPlugins = sqliteTable(
  "market_plugins",
  {
    seq: integer().primaryKey({ autoIncrement: true }),
    namespace: text()
      .notNull()
      .references(() => marketNamespaces.namespace),
    name: text().notNull(),
    kind: text().notNull(),
    titleEn: text("title_en").notNull(),
    titleZh: text("title_zh").notNull(),
    descriptionEn: text("description_en").notNull(),
    descriptionZh: text("description_zh").notNull(),
    /** Id of its newest published version; null: it has none, and is not in the catalogue. */
    latestId: text("latest_id"),
    latestVersion: text("latest_version"),
    official: integer({ mode: "boolean" }).notNull().default(false),
    /** Set when reports hide it until a reviewer has looked. */
    hiddenAt: integer("hidden_at"),
    /** In the catalogue: published and not hidden. In one column, for the indexes. */
    listed: integer({ mode: "boolean" }).notNull().default(false),
    installs: integer().notNull().default(0),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("market_plugins_name").on(table.namespace, table.name),
    index("market_plugins_installs").on(table.listed, table.installs),
    index("market_plugins_updated").on(table.listed, table.updatedAt),
    index("market_plugins_created").on(table.listed, table.createdAt),
    index("market_plugins_title").on(table.listed, table.titleEn),
  ],
);

export const marketVersions = sqliteTable(
  "market_versions",
  {
    id: text().primaryKey(),
    pluginSeq: integer("plugin_seq")
      .notNull()
      .references(() => marketPlugins.seq),
    version: text().notNull(),
    state: text({ enum: VERSION_STATES }).notNull(),
    stateAt: integer("state_at").notNull(),
    /** Why, in words of a reviewer or of the checks. */
    words: text().notNull().default(""),
    /** Of the canonical manifest: the package's name. */
    hash: text().notNull(),
    /** SHA-256 (hex) and length of the package as it was uploaded, signature included. */
    sha256: text().notNull(),
    bytes: integer().notNull(),
    /** JSON, canonical. */
    manifest: text().notNull(),
    /** JSON: the publisher's. */
    signature: text().notNull(),
    /** README.md of the package, if there is one. */
    readme: text().notNull().default(""),
    /** Asks for two reviewers, and is official once they agree. */
    official: integer({ mode: "boolean" }).notNull().default(false),
    submittedBy: person("submitted_by"),
    createdAt: integer("created_at").notNull(),
    publishedAt: integer("published_at"),
    /** Of who has it on their review desk, and until when. */
    claimedBy: person("claimed_by"),
    claimedUntil: integer("claimed_until"),
    /** The state that the signed metadata says; null: it does not name the version. */
    signedState: text("signed_state", { enum: ["published", "yanked"] }),
    /** Tries of the checks: what breaks them each time is refused in the end. */
    tries: integer().notNull().default(0),
  },
  (table) => [
    uniqueIndex("market_versions_version").on(table.pluginSeq, table.version),
    index("market_versions_hash").on(table.hash),
    index("market_versions_state").on(table.state, table.stateAt),
  ],
);

const versionId = () =>
  text("version_id")
    .notNull()
    .references(() => marketVersions.id, { onDelete: "cascade" });

/** What the checks found, most severe first as they wrote it. */
export const marketFindings = sqliteTable(
  "market_findings",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    versionId: versionId(),
    severity: text({ enum: SEVERITIES }).notNull(),
    code: text().notNull(),
    path: text().notNull(),
    line: integer().notNull(),
    excerpt: text().notNull(),
  },
  (table) => [index("market_findings_version").on(table.versionId)],
);

/** What reviewers decided. One word each: a version is what it is. */
export const marketReviews = sqliteTable(
  "market_reviews",
  {
    versionId: versionId(),
    /** As text: the decision stays when the person goes. */
    reviewerId: text("reviewer_id").notNull(),
    reviewerName: text("reviewer_name").notNull(),
    decision: text({ enum: ["approve", "reject"] }).notNull(),
    words: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.versionId, table.reviewerId] })],
);

export const marketReports = sqliteTable(
  "market_reports",
  {
    id: text().primaryKey(),
    pluginSeq: integer("plugin_seq")
      .notNull()
      .references(() => marketPlugins.seq),
    version: text().notNull(),
    reporterId: text("reporter_id").notNull(),
    reason: text({ enum: REPORT_REASONS }).notNull(),
    words: text().notNull(),
    at: integer().notNull(),
    /** Null while it is open. */
    settledAt: integer("settled_at"),
    settledBy: text("settled_by"),
  },
  (table) => [
    // One open report a person and plugin.
    uniqueIndex("market_reports_open").on(table.pluginSeq, table.reporterId).where(sql`${table.settledAt} IS NULL`),
    index("market_reports_settled").on(table.settledAt, table.at),
  ],
);

/** Packages that run nowhere any more: of this edge's own market, or of the one that it follows. */
export const marketRevocations = sqliteTable("market_revocations", {
  hash: text().primaryKey(),
  /** `@publisher/name` and version, for people. */
  name: text().notNull(),
  version: text().notNull(),
  reason: text({ enum: REVOCATION_REASONS }).notNull(),
  words: text().notNull(),
  at: integer().notNull(),
});

/** Hashes (SHA-256, hex) of packages and files that are known to be bad. */
export const marketBadHashes = sqliteTable("market_bad_hashes", {
  sha256: text().primaryKey(),
  words: text().notNull(),
  at: integer().notNull(),
});

/** TUF metadata as it is served: own, or as it came from the market that this edge follows. */
export const marketMetadata = sqliteTable(
  "market_metadata",
  {
    /** `timestamp.json`, `7.snapshot.json`, `7.targets.json`, `7.bin-0a.json`, `1.root.json`. */
    file: text().primaryKey(),
    role: text().notNull(),
    version: integer().notNull(),
    body: text().notNull(),
    /** SHA-256 (hex) and length of the body. */
    sha256: text().notNull().default(""),
    bytes: integer().notNull().default(0),
    expiresAt: integer("expires_at").notNull().default(0),
    /** Of the key that signed it. */
    keyId: text("key_id").notNull().default(""),
    /** When a newer version took its place; null: current. */
    replacedAt: integer("replaced_at"),
  },
  (table) => [index("market_metadata_role").on(table.role, table.version)],
);
