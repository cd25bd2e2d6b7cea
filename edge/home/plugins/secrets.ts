import { z } from "zod";
import { CallerSeal } from "../../credentials/caller-seal.ts";

const rowSchema = z.object({ sealed: z.string() });
const nameSchema = z.object({ secret: z.string() }).transform(({ secret }) => secret);

/**
 * What people entered for their plugins, sealed (AES-256-GCM) with a key that is not in this store, each under whose, for which plugin
 * and by which name it is: a row that was moved elsewhere opens nowhere.
 */
export class Secrets {
  readonly #sql: SqlStorage;
  readonly #key: () => Promise<string>;
  #seal: Promise<CallerSeal> | undefined;

  /** @param key the edge's own, from elsewhere */
  constructor(sql: SqlStorage, key: () => Promise<string>) {
    this.#sql = sql;
    this.#key = key;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS plugin_secrets (
         user_id TEXT NOT NULL, name TEXT NOT NULL, secret TEXT NOT NULL, sealed TEXT NOT NULL, PRIMARY KEY (user_id, name, secret))`,
    );
  }

  async put(userId: string, name: string, secret: string, value: string): Promise<void> {
    const sealed = await (await this.#sealer()).seal(new TextEncoder().encode(value), label(userId, name, secret));
    this.#sql.exec(
      "INSERT OR REPLACE INTO plugin_secrets (user_id, name, secret, sealed) VALUES (?, ?, ?, ?)",
      userId,
      name,
      secret,
      sealed,
    );
  }

  async get(userId: string, name: string, secret: string): Promise<string | undefined> {
    const [row] = this.#sql
      .exec("SELECT sealed FROM plugin_secrets WHERE user_id = ? AND name = ? AND secret = ?", userId, name, secret)
      .toArray();
    if (row === undefined) return undefined;
    const opened = await (await this.#sealer()).open(rowSchema.parse(row).sealed, label(userId, name, secret));
    return new TextDecoder().decode(opened);
  }

  /** Which have been entered. */
  names(userId: string, name: string): string[] {
    const rows = this.#sql
      .exec("SELECT secret FROM plugin_secrets WHERE user_id = ? AND name = ? ORDER BY secret", userId, name)
      .toArray();
    return rows.map((row) => nameSchema.parse(row));
  }

  remove(userId: string, name: string, secret: string): boolean {
    return (
      this.#sql
        .exec(
          "DELETE FROM plugin_secrets WHERE user_id = ? AND name = ? AND secret = ? RETURNING secret",
          userId,
          name,
          secret,
        )
        .toArray().length > 0
    );
  }

  removeAll(userId: string, name: string): void {
    this.#sql.exec("DELETE FROM plugin_secrets WHERE user_id = ? AND name = ?", userId, name);
  }

  removeOf(userId: string): void {
    this.#sql.exec("DELETE FROM plugin_secrets WHERE user_id = ?", userId);
  }

  async #sealer(): Promise<CallerSeal> {
    this.#seal ??= this.#key().then(async (key) => await CallerSeal.of(key, "plugin secrets"));
    this.#seal.catch(() => (this.#seal = undefined)); // the next one asks again
    return await this.#seal;
  }
}

function label(userId: string, name: string, secret: string): string {
  return JSON.stringify([userId, name, secret]);
}
