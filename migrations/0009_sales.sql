CREATE TABLE `market_clawbacks` (
	`plugin` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`done_at` integer
);
--> statement-breakpoint
CREATE TABLE `market_disputes` (
	`id` text PRIMARY KEY NOT NULL,
	`payment_id` text NOT NULL,
	`amount` integer NOT NULL,
	`state` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `market_payees` (
	`publisher_id` text PRIMARY KEY NOT NULL,
	`provider` text NOT NULL,
	`account` text NOT NULL,
	`payouts_enabled` integer DEFAULT false NOT NULL,
	`automatic` integer DEFAULT true NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `market_payees_account` ON `market_payees` (`account`);--> statement-breakpoint
CREATE TABLE `market_payments` (
	`id` text PRIMARY KEY NOT NULL,
	`purchase_id` text NOT NULL,
	`currency` text NOT NULL,
	`gross` integer NOT NULL,
	`paid_at` integer NOT NULL,
	`covers_until` integer,
	`left` integer NOT NULL,
	`receipt_url` text,
	`hold_until` integer NOT NULL,
	`released_at` integer,
	FOREIGN KEY (`purchase_id`) REFERENCES `market_purchases`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `market_payments_purchase` ON `market_payments` (`purchase_id`);--> statement-breakpoint
CREATE INDEX `market_payments_hold` ON `market_payments` (`hold_until`) WHERE "market_payments"."released_at" IS NULL;--> statement-breakpoint
CREATE TABLE `market_provider_events` (
	`id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `market_provider_events_at` ON `market_provider_events` (`at`);--> statement-breakpoint
CREATE TABLE `market_purchases` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`plugin` text NOT NULL,
	`title` text NOT NULL,
	`publisher_id` text NOT NULL,
	`currency` text NOT NULL,
	`amount` integer NOT NULL,
	`every` text,
	`provider` text NOT NULL,
	`state` text NOT NULL,
	`checkout_id` text,
	`checkout_url` text,
	`subscription_id` text,
	`subscription_state` text,
	`cancel_at_end` integer DEFAULT false NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `market_purchases_user` ON `market_purchases` (`user_id`,`plugin`);--> statement-breakpoint
CREATE INDEX `market_purchases_plugin` ON `market_purchases` (`plugin`);--> statement-breakpoint
CREATE UNIQUE INDEX `market_purchases_open` ON `market_purchases` (`user_id`,`plugin`) WHERE "market_purchases"."state" = 'open';--> statement-breakpoint
CREATE TABLE `market_test_deliveries` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`body` text NOT NULL,
	`due_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `market_test_deliveries_due` ON `market_test_deliveries` (`due_at`);--> statement-breakpoint
CREATE TABLE `market_test_objects` (
	`id` text PRIMARY KEY NOT NULL,
	`body` text NOT NULL
);
