import { z } from "zod";
import type { Permissions } from "../../../../shared/plugin/manifest.ts";
import { writeOffers } from "../../../../shared/plugin/tool-list.ts";
import { type Installed, installedSchema } from "../installed.ts";
import { withheld } from "../permissions.ts";

/** Earlier versions of a plugin that one can go back to. */
export const MOST_KEPT = 3;

/** A version that was installed before, with what was granted to it. */
export interface Kept {
  one: Installed;
  keptAtMs: number;
}

const rowSchema = z
  .object({ one: z.string().transform((text): unknown => JSON.parse(text)), kept_at: z.number() })
  .transform(({ one, kept_at }) => ({ one: installedSchema.parse(one), keptAtMs: kept_at }));

/** Versions that people had installed before, in a Durable Object's SQLite. */
export class KeptTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_kept (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, one TEXT NOT NULL,
         kept_at INTEGER NOT NULL, UNIQUE (user_id, name, hash))`,
    );
  }

  /** The latest first. */
  of(userId: string, name: string): Kept[] {
    return this.#sql
      .exec("SELECT one, kept_at FROM plugin_kept WHERE user_id = ? AND name = ? ORDER BY seq DESC", userId, name)
      .toArray()
      .map((row) => rowSchema.parse(row));
  }

  find(userId: string, name: string, hash: string): Installed | undefined {
    return this.of(userId, name).find(({ one }) => one.hash === hash)?.one;
  }

  /** Keeps what gives way to another version; of too many, the oldest goes. */
  put(userId: string, one: Installed, nowMs: number): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO plugin_kept (user_id, name, hash, one, kept_at) VALUES (?, ?, ?, ?, ?)",
      userId,
      one.name,
      one.hash,
      written(one),
      nowMs,
    );
    this.#sql.exec(
      `DELETE FROM plugin_kept WHERE user_id = ?1 AND name = ?2 AND seq NOT IN
         (SELECT seq FROM plugin_kept WHERE user_id = ?1 AND name = ?2 ORDER BY seq DESC LIMIT ?3)`,
      userId,
      one.name,
      MOST_KEPT,
    );
  }

  /** Its person was asked for this and granted that: going back gives nothing of the rest again. */
  granted(userId: string, name: string, asks: Permissions, granted: Permissions): void {
    for (const { one } of this.of(userId, name)) {
      const narrowed = { ...one, permissions: withheld(one.permissions, asks, granted) };
      this.#sql.exec(
        "UPDATE plugin_kept SET one = ? WHERE user_id = ? AND name = ? AND hash = ?",
        written(narrowed),
        userId,
        name,
        one.hash,
      );
    }
  }

  remove(userId: string, name: string, hash: string): void {
    this.#sql.exec("DELETE FROM plugin_kept WHERE user_id = ? AND name = ? AND hash = ?", userId, name, hash);
  }

  removeAll(userId: string, name: string): void {
    this.#sql.exec("DELETE FROM plugin_kept WHERE user_id = ? AND name = ?", userId, name);
  }

  removeOf(userId: string): void {
    this.#sql.exec("DELETE FROM plugin_kept WHERE user_id = ?", userId);
  }

  /** Of all people: packages that have to stay. */
  hashes(): string[] {
    return this.#sql
      .exec("SELECT DISTINCT hash FROM plugin_kept")
      .toArray()
      .map((row) => z.object({ hash: z.string() }).parse(row).hash);
  }
}

function written({ tools, parts, ...one }: Installed): string {
  return JSON.stringify({ ...one, offers: writeOffers({ tools, parts }) });
}
