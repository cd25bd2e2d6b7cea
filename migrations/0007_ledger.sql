CREATE TABLE `ledger_entries` (
	`stream` text NOT NULL,
	`seq` integer NOT NULL,
	`line` integer NOT NULL,
	`account` text NOT NULL,
	`currency` text NOT NULL,
	`amount` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`stream`, `seq`, `line`)
);
--> statement-breakpoint
CREATE INDEX `ledger_entries_account` ON `ledger_entries` (`account`,`currency`,`at`);--> statement-breakpoint
CREATE TABLE `ledger_events` (
	`stream` text NOT NULL,
	`seq` integer NOT NULL,
	`key` text NOT NULL,
	`at` integer NOT NULL,
	`event` text NOT NULL,
	PRIMARY KEY(`stream`, `seq`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ledger_events_key` ON `ledger_events` (`key`);--> statement-breakpoint
CREATE TABLE `ledger_waiting` (
	`key` text PRIMARY KEY NOT NULL,
	`stream` text NOT NULL,
	`event` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `ledger_waiting_stream` ON `ledger_waiting` (`stream`);