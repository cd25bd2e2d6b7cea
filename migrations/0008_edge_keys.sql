CREATE TABLE `edge_keys` (
	`use` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`created_at` integer NOT NULL
);
