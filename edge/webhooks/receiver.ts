import { z } from "zod";

/** Where a person's webhooks go. Times are Unix milliseconds. */
export interface Receiver {
  id: string;
  userId: string;
  url: string;
  createdAtMs: number;
  /** It answered 410: it wants no more. */
  goneAtMs: number | null;
  secret: string;
  /** The one before, as long as it signs too. */
  oldSecret: string | null;
  oldSecretUntilMs: number | null;
}

const rowSchema = z
  .object({
    id: z.string(),
    user_id: z.string(),
    url: z.string(),
    created_at: z.number(),
    gone_at: z.number().nullable(),
    secret: z.string(),
    old_secret: z.string().nullable(),
    old_secret_until: z.number().nullable(),
  })
  .transform(
    (row): Receiver => ({
      id: row.id,
      userId: row.user_id,
      url: row.url,
      createdAtMs: row.created_at,
      goneAtMs: row.gone_at,
      secret: row.secret,
      oldSecret: row.old_secret,
      oldSecretUntilMs: row.old_secret_until,
    }),
  );

/** The receivers of a household's webhooks, in its object's SQLite. Secrets are kept as they are: they must sign. */
export class ReceiverTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS webhook_receivers (
         id TEXT PRIMARY KEY, user_id TEXT NOT NULL, url TEXT NOT NULL, created_at INTEGER NOT NULL, gone_at INTEGER,
         secret TEXT NOT NULL, old_secret TEXT, old_secret_until INTEGER)`,
    );
  }

  add(receiver: { id: string; userId: string; url: string; secret: string }, nowMs: number): void {
    const { id, userId, url, secret } = receiver;
    this.#sql.exec(
      "INSERT INTO webhook_receivers (id, user_id, url, secret, created_at) VALUES (?, ?, ?, ?, ?)",
      id,
      userId,
      url,
      secret,
      nowMs,
    );
  }

  find(id: string): Receiver | undefined {
    return this.#read("id = ?", id)[0];
  }

  of(userId: string): Receiver[] {
    return this.#read("user_id = ?", userId);
  }

  /** The new secret signs from now on, the one before beside it until then. */
  rotate(id: string, secret: string, untilMs: number): void {
    this.#sql.exec(
      "UPDATE webhook_receivers SET old_secret = secret, old_secret_until = ?, secret = ? WHERE id = ?",
      untilMs,
      secret,
      id,
    );
  }

  setGone(id: string, atMs: number | null): void {
    this.#sql.exec("UPDATE webhook_receivers SET gone_at = ? WHERE id = ?", atMs, id);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM webhook_receivers WHERE id = ?", id);
  }

  #read(condition: string, value: string): Receiver[] {
    const rows = this.#sql.exec(`SELECT * FROM webhook_receivers WHERE ${condition} ORDER BY created_at, id`, value);
    return rows.toArray().map((row) => rowSchema.parse(row));
  }
}
