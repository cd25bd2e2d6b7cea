CREATE TABLE `device_authorizations` (
	`hash` text PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`user_code_hash` text NOT NULL,
	`public_key` text NOT NULL,
	`name` text NOT NULL,
	`system` text NOT NULL,
	`address` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`interval_ms` integer NOT NULL,
	`last_polled_at` integer NOT NULL,
	`state` text NOT NULL,
	`decided_by` text,
	FOREIGN KEY (`decided_by`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `device_authorizations_id` ON `device_authorizations` (`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `device_authorizations_user_code` ON `device_authorizations` (`user_code_hash`);--> statement-breakpoint
CREATE INDEX `device_authorizations_expiry` ON `device_authorizations` (`expires_at`);--> statement-breakpoint
ALTER TABLE `agents` ADD `renamed` integer DEFAULT false NOT NULL;