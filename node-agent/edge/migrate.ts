import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The part of a D1 database that migrating needs. */
export interface MigratableDatabase {
  prepare(sql: string): {
    bind(...values: unknown[]): { run(): Promise<unknown> };
    run(): Promise<unknown>;
    all(): Promise<{ results: unknown[] }>;
  };
  batch(statements: unknown[]): Promise<unknown>;
}

/** Wrangler's own table, so that an edge can move between `porchlight up` and `wrangler d1 migrations apply`. */
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations(
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;

/**
 * Applies the migrations of `folder` (drizzle-kit's `NNNN_name.sql`) that the database has not seen, in order, each in one
 * transaction with its mark. Returns the names applied.
 */
export async function migrate(database: MigratableDatabase, folder: string): Promise<string[]> {
  await database.prepare(TABLE).run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const done = new Set(results.map((row) => (row as { name: string }).name)); // one TEXT column
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  const applied: string[] = [];
  for (const name of names.filter((candidate) => !done.has(candidate))) {
    const sql = await readFile(join(folder, name), "utf8");
    const statements = sql
      .split("--> statement-breakpoint")
      .map((statement) => statement.trim())
      .filter((statement) => statement !== "");
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
    applied.push(name);
  }
  return applied;
}
