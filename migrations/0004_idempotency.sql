CREATE TABLE `idempotency` (
	`id` text PRIMARY KEY NOT NULL,
	`caller` text NOT NULL,
	`user_id` text NOT NULL,
	`token` text NOT NULL,
	`fingerprint` text NOT NULL,
	`lease_until` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`bytes` integer NOT NULL,
	`answer` text,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `idempotency_caller` ON `idempotency` (`caller`);--> statement-breakpoint
CREATE INDEX `idempotency_expiry` ON `idempotency` (`expires_at`);