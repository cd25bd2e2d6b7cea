import { z } from "zod";
import type { PluginCaller } from "../../../../shared/plugin/context.ts";

/** When a person's plugin runs by itself. Times are Unix milliseconds. */
export interface PluginTime {
  userId: string;
  /** `@publisher/name`. */
  name: string;
  /** Five fields of cron. */
  every: string;
  timeZone: string;
  locale: "en" | "zh-CN";
  /** The time that comes next, or that has passed and waits for a machine. */
  dueAtMs: number;
  /** When it is run: a little later than it is due, so that not all run at once. */
  nextAtMs: number;
  /** Runs in a row that failed. */
  failures: number;
}

const rowSchema = z
  .object({
    user_id: z.string(),
    name: z.string(),
    every: z.string(),
    time_zone: z.string(),
    locale: z.enum(["en", "zh-CN"]),
    due_at: z.number(),
    next_at: z.number(),
    failures: z.number(),
  })
  .transform(
    (row): PluginTime => ({
      userId: row.user_id,
      name: row.name,
      every: row.every,
      timeZone: row.time_zone,
      locale: row.locale,
      dueAtMs: row.due_at,
      nextAtMs: row.next_at,
      failures: row.failures,
    }),
  );

const callerSchema = z
  .object({ time_zone: z.string(), locale: z.enum(["en", "zh-CN"]) })
  .transform((row): PluginCaller => ({ timeZone: row.time_zone, locale: row.locale }));

/** Schedules of people's plugins, in a Durable Object's SQLite. */
export class PluginTimeTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_times (
         user_id TEXT NOT NULL, name TEXT NOT NULL, every TEXT NOT NULL, time_zone TEXT NOT NULL, locale TEXT NOT NULL,
         due_at INTEGER NOT NULL, next_at INTEGER NOT NULL, failures INTEGER NOT NULL, PRIMARY KEY (user_id, name))`,
    );
    sql.exec(
      "CREATE TABLE IF NOT EXISTS plugin_time_zones (user_id TEXT PRIMARY KEY, time_zone TEXT NOT NULL, locale TEXT NOT NULL)",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS plugin_times_next ON plugin_times (next_at)");
  }

  /** Whose clock a person's times are of. */
  setCaller(userId: string, { timeZone, locale }: PluginCaller): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO plugin_time_zones (user_id, time_zone, locale) VALUES (?, ?, ?)",
      userId,
      timeZone,
      locale,
    );
  }

  /** UTC where nobody said. */
  caller(userId: string): PluginCaller {
    const [row] = this.#sql.exec("SELECT * FROM plugin_time_zones WHERE user_id = ?", userId).toArray();
    return row === undefined ? { timeZone: "UTC", locale: "en" } : callerSchema.parse(row);
  }

  forget(userId: string): void {
    for (const table of ["plugin_times", "plugin_time_zones"])
      this.#sql.exec(`DELETE FROM ${table} WHERE user_id = ?`, userId);
  }

  put(time: PluginTime): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO plugin_times (user_id, name, every, time_zone, locale, due_at, next_at, failures)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      time.userId,
      time.name,
      time.every,
      time.timeZone,
      time.locale,
      time.dueAtMs,
      time.nextAtMs,
      time.failures,
    );
  }

  find(userId: string, name: string): PluginTime | undefined {
    return this.of(userId).find((one) => one.name === name);
  }

  of(userId: string): PluginTime[] {
    return this.#read("user_id = ? ORDER BY name", userId);
  }

  due(nowMs: number): PluginTime[] {
    return this.#read("next_at <= ? ORDER BY next_at", nowMs);
  }

  nextAtMs(): number | undefined {
    const row = this.#sql.exec("SELECT min(next_at) AS at FROM plugin_times").one();
    return z.object({ at: z.number().nullable() }).parse(row).at ?? undefined;
  }

  remove(userId: string, name: string): void {
    this.#sql.exec("DELETE FROM plugin_times WHERE user_id = ? AND name = ?", userId, name);
  }

  #read(condition: string, value: string | number): PluginTime[] {
    const rows = this.#sql.exec(`SELECT * FROM plugin_times WHERE ${condition}`, value).toArray();
    return rows.map((row) => rowSchema.parse(row));
  }
}
