import { z } from "zod";
import type { KeyValues } from "../../../shared/plugin/host/grants.ts";
import { PLUGIN_LIMITS } from "./limits.ts";

const bytesSchema = z.object({ value: z.instanceof(ArrayBuffer).transform((buffer) => new Uint8Array(buffer)) });
const sizeSchema = z.object({ bytes: z.number(), keys: z.number() });
const keySchema = z.object({ key: z.string() }).transform(({ key }) => key);
const utf8 = new TextEncoder();
/** Sorts behind every name that begins with a prefix. */
const LAST = "\u{10ffff}";

/** Values of plugins, each of one plugin of one person, in a Durable Object's SQLite. What they take is counted as it changes. */
export class ValueTable {
  readonly #sql: SqlStorage;
  readonly #transaction: (step: () => void) => void;

  constructor(sql: SqlStorage, transaction: (step: () => void) => void) {
    this.#sql = sql;
    this.#transaction = transaction;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_values (
         user_id TEXT NOT NULL, name TEXT NOT NULL, key TEXT NOT NULL, bytes INTEGER NOT NULL, value BLOB NOT NULL,
         PRIMARY KEY (user_id, name, key)) WITHOUT ROWID`,
    );
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_value_sizes (
         user_id TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, keys INTEGER NOT NULL, PRIMARY KEY (user_id, name))`,
    );
  }

  /** The values of one plugin of one person. */
  of(userId: string, name: string): KeyValues {
    return {
      get: async (key) => this.#get(userId, name, key),
      set: async (key, value, quotaBytes) => this.#set(userId, name, { key, value, quotaBytes }),
      delete: async (key) => this.#delete(userId, name, key),
      list: async (prefix) => this.#list(userId, name, prefix),
    };
  }

  /** What a plugin of a person keeps. */
  size(userId: string, name: string): { bytes: number; keys: number } {
    const [row] = this.#sql
      .exec("SELECT bytes, keys FROM plugin_value_sizes WHERE user_id = ? AND name = ?", userId, name)
      .toArray();
    return row === undefined ? { bytes: 0, keys: 0 } : sizeSchema.parse(row);
  }

  remove(userId: string, name: string): void {
    for (const table of ["plugin_values", "plugin_value_sizes"])
      this.#sql.exec(`DELETE FROM ${table} WHERE user_id = ? AND name = ?`, userId, name);
  }

  removeOf(userId: string): void {
    for (const table of ["plugin_values", "plugin_value_sizes"])
      this.#sql.exec(`DELETE FROM ${table} WHERE user_id = ?`, userId);
  }

  #get(userId: string, name: string, key: string): Uint8Array<ArrayBuffer> | undefined {
    const [row] = this.#sql
      .exec("SELECT value FROM plugin_values WHERE user_id = ? AND name = ? AND key = ?", userId, name, key)
      .toArray();
    return row === undefined ? undefined : bytesSchema.parse(row).value;
  }

  #set(userId: string, name: string, to: { key: string; value: Uint8Array; quotaBytes: number }): void {
    const { key, value, quotaBytes } = to;
    const bytes = utf8.encode(key).length + value.length;
    const before = this.#rowBytes(userId, name, key);
    const size = this.size(userId, name);
    if (size.bytes - (before ?? 0) + bytes > quotaBytes)
      throw new RangeError(`The storage of ${quotaBytes} bytes that was granted is full.`);
    if (before === undefined && size.keys >= PLUGIN_LIMITS.keys) throw new RangeError("There are too many keys.");
    if (this.#householdBytes() - (before ?? 0) + bytes > PLUGIN_LIMITS.householdValueBytes)
      throw new RangeError("The storage that all plugins of this household share is full.");
    this.#transaction(() => {
      this.#sql.exec(
        "INSERT OR REPLACE INTO plugin_values (user_id, name, key, bytes, value) VALUES (?, ?, ?, ?, ?)",
        userId,
        name,
        key,
        bytes,
        value.slice().buffer,
      );
      this.#count(userId, name, bytes - (before ?? 0), before === undefined ? 1 : 0);
    });
  }

  #delete(userId: string, name: string, key: string): void {
    const before = this.#rowBytes(userId, name, key);
    if (before === undefined) return;
    this.#transaction(() => {
      this.#sql.exec("DELETE FROM plugin_values WHERE user_id = ? AND name = ? AND key = ?", userId, name, key);
      this.#count(userId, name, -before, -1);
    });
  }

  #list(userId: string, name: string, prefix: string): string[] {
    return this.#sql
      .exec(
        "SELECT key FROM plugin_values WHERE user_id = ? AND name = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?",
        userId,
        name,
        prefix,
        prefix + LAST,
        PLUGIN_LIMITS.listedKeys,
      )
      .toArray()
      .map((row) => keySchema.parse(row));
  }

  #rowBytes(userId: string, name: string, key: string): number | undefined {
    const [row] = this.#sql
      .exec("SELECT bytes FROM plugin_values WHERE user_id = ? AND name = ? AND key = ?", userId, name, key)
      .toArray();
    return row === undefined ? undefined : z.object({ bytes: z.number() }).parse(row).bytes;
  }

  #householdBytes(): number {
    const row = this.#sql.exec("SELECT coalesce(sum(bytes), 0) AS bytes FROM plugin_value_sizes").one();
    return z.object({ bytes: z.number() }).parse(row).bytes;
  }

  #count(userId: string, name: string, bytes: number, keys: number): void {
    this.#sql.exec(
      `INSERT INTO plugin_value_sizes (user_id, name, bytes, keys) VALUES (?1, ?2, ?3, ?4)
       ON CONFLICT (user_id, name) DO UPDATE SET bytes = bytes + ?3, keys = keys + ?4`,
      userId,
      name,
      bytes,
      keys,
    );
  }
}
