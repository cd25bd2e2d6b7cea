import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";

export type Database = DrizzleD1Database;

export function database(binding: D1Database): Database {
  return drizzle(binding);
}

/** Whether a statement failed because there is such a row already. */
export function isDuplicate(error: unknown): boolean {
  return says(error, "UNIQUE constraint failed");
}

/** Whether it failed because the row is gone that its own hangs on. */
export function isOrphan(error: unknown): boolean {
  return says(error, "FOREIGN KEY constraint failed");
}

/** Drizzle wraps what D1 says. */
function says(error: unknown, words: string): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes(words)) return true;
  }
  return false;
}
