CREATE TABLE `market_bad_hashes` (
	`sha256` text PRIMARY KEY NOT NULL,
	`words` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `market_findings` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`version_id` text NOT NULL,
	`severity` text NOT NULL,
	`code` text NOT NULL,
	`path` text NOT NULL,
	`line` integer NOT NULL,
	`excerpt` text NOT NULL,
	FOREIGN KEY (`version_id`) REFERENCES `market_versions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `market_findings_version` ON `market_findings` (`version_id`);--> statement-breakpoint
CREATE TABLE `market_metadata` (
	`file` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`version` integer NOT NULL,
	`body` text NOT NULL,
	`replaced_at` integer
);
--> statement-breakpoint
CREATE INDEX `market_metadata_role` ON `market_metadata` (`role`,`version`);--> statement-breakpoint
CREATE TABLE `market_namespaces` (
	`namespace` text PRIMARY KEY NOT NULL,
	`publisher_id` text NOT NULL,
	`claimed_at` integer NOT NULL,
	FOREIGN KEY (`publisher_id`) REFERENCES `market_publishers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `market_namespaces_publisher` ON `market_namespaces` (`publisher_id`);--> statement-breakpoint
CREATE TABLE `market_plugins` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`namespace` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`title_en` text NOT NULL,
	`title_zh` text NOT NULL,
	`description_en` text NOT NULL,
	`description_zh` text NOT NULL,
	`latest_id` text,
	`latest_version` text,
	`official` integer DEFAULT false NOT NULL,
	`hidden_at` integer,
	`listed` integer DEFAULT false NOT NULL,
	`installs` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`namespace`) REFERENCES `market_namespaces`(`namespace`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `market_plugins_name` ON `market_plugins` (`namespace`,`name`);--> statement-breakpoint
CREATE INDEX `market_plugins_installs` ON `market_plugins` (`listed`,`installs`);--> statement-breakpoint
CREATE INDEX `market_plugins_updated` ON `market_plugins` (`listed`,`updated_at`);--> statement-breakpoint
CREATE INDEX `market_plugins_created` ON `market_plugins` (`listed`,`created_at`);--> statement-breakpoint
CREATE INDEX `market_plugins_title` ON `market_plugins` (`listed`,`title_en`);--> statement-breakpoint
CREATE TABLE `market_publisher_keys` (
	`public_key` text PRIMARY KEY NOT NULL,
	`publisher_id` text NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL,
	`revoked_at` integer,
	FOREIGN KEY (`publisher_id`) REFERENCES `market_publishers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `market_publisher_keys_publisher` ON `market_publisher_keys` (`publisher_id`);--> statement-breakpoint
CREATE TABLE `market_publishers` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text,
	`name` text NOT NULL,
	`official` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE UNIQUE INDEX `market_publishers_user` ON `market_publishers` (`user_id`);--> statement-breakpoint
CREATE TABLE `market_reports` (
	`id` text PRIMARY KEY NOT NULL,
	`plugin_seq` integer NOT NULL,
	`version` text NOT NULL,
	`reporter_id` text NOT NULL,
	`reason` text NOT NULL,
	`words` text NOT NULL,
	`at` integer NOT NULL,
	`settled_at` integer,
	`settled_by` text,
	FOREIGN KEY (`plugin_seq`) REFERENCES `market_plugins`(`seq`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `market_reports_open` ON `market_reports` (`plugin_seq`,`reporter_id`) WHERE "market_reports"."settled_at" IS NULL;--> statement-breakpoint
CREATE INDEX `market_reports_settled` ON `market_reports` (`settled_at`,`at`);--> statement-breakpoint
CREATE TABLE `market_reviews` (
	`version_id` text NOT NULL,
	`reviewer_id` text NOT NULL,
	`reviewer_name` text NOT NULL,
	`decision` text NOT NULL,
	`words` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`version_id`, `reviewer_id`),
	FOREIGN KEY (`version_id`) REFERENCES `market_versions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `market_revocations` (
	`hash` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`reason` text NOT NULL,
	`words` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `market_roles` (
	`user_id` text PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`granted_by` text,
	`granted_at` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`granted_by`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE TABLE `market_versions` (
	`id` text PRIMARY KEY NOT NULL,
	`plugin_seq` integer NOT NULL,
	`version` text NOT NULL,
	`state` text NOT NULL,
	`state_at` integer NOT NULL,
	`words` text DEFAULT '' NOT NULL,
	`hash` text NOT NULL,
	`sha256` text NOT NULL,
	`bytes` integer NOT NULL,
	`manifest` text NOT NULL,
	`signature` text NOT NULL,
	`readme` text DEFAULT '' NOT NULL,
	`official` integer DEFAULT false NOT NULL,
	`submitted_by` text,
	`created_at` integer NOT NULL,
	`published_at` integer,
	`claimed_by` text,
	`claimed_until` integer,
	`tries` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`plugin_seq`) REFERENCES `market_plugins`(`seq`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`submitted_by`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE set null,
	FOREIGN KEY (`claimed_by`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE set null
);
--> statement-breakpoint
CREATE UNIQUE INDEX `market_versions_version` ON `market_versions` (`plugin_seq`,`version`);--> statement-breakpoint
CREATE INDEX `market_versions_hash` ON `market_versions` (`hash`);--> statement-breakpoint
CREATE INDEX `market_versions_state` ON `market_versions` (`state`,`state_at`);--> statement-breakpoint
-- What drizzle-kit cannot write: the catalogue's full text, as shared/sessions/search-text.ts cuts it. It keeps no text itself.
CREATE VIRTUAL TABLE `market_search` USING fts5(`text`, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
