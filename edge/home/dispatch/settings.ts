import { z } from "zod";

/** What a household decided about the choice of machines. */
export const dispatchSettingsSchema = z.object({
  /**
   * Whether an answer that has begun goes on on another machine when its own fails. The other may compute in another precision: the answer
   * is then one that no machine would have given alone. Before an answer has begun another machine always takes over.
   */
  replay: z.enum(["on", "off"]),
});
export type DispatchSettings = z.infer<typeof dispatchSettingsSchema>;

const DEFAULTS: DispatchSettings = { replay: "off" };
const rowSchema = z.object({ settings: z.string() });

/** A household's settings, in the one row of their table. */
export class DispatchSettingsTable {
  readonly #sql: SqlStorage;
  #settings: DispatchSettings;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS dispatch_settings (id INTEGER PRIMARY KEY CHECK (id = 1), settings TEXT NOT NULL)",
    );
    const [row] = sql.exec("SELECT settings FROM dispatch_settings").toArray();
    this.#settings =
      row === undefined ? DEFAULTS : dispatchSettingsSchema.parse(JSON.parse(rowSchema.parse(row).settings));
  }

  get(): DispatchSettings {
    return this.#settings;
  }

  set(settings: DispatchSettings): void {
    this.#settings = settings;
    this.#sql.exec("INSERT OR REPLACE INTO dispatch_settings (id, settings) VALUES (1, ?)", JSON.stringify(settings));
  }
}
