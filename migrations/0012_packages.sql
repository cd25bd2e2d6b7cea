CREATE TABLE `plugin_package_holds` (
	`hash` text NOT NULL,
	`home` text NOT NULL,
	PRIMARY KEY(`hash`, `home`)
);
--> statement-breakpoint
CREATE INDEX `plugin_package_holds_home` ON `plugin_package_holds` (`home`);--> statement-breakpoint
CREATE TABLE `plugin_packages` (
	`hash` text PRIMARY KEY NOT NULL,
	`touched_at` integer NOT NULL,
	`collecting` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `plugin_packages_touched` ON `plugin_packages` (`touched_at`);