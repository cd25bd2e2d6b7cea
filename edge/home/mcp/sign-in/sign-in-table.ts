import { type SignIn, type SignIns, signInSchema } from "./sign-in.ts";

/** Which sign-ins there are, in a Durable Object's SQLite: what they are made of is sealed elsewhere. */
export class SignInTable implements SignIns {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS mcp_sign_ins (
         user_id TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (user_id, name))`,
    );
  }

  of(userId: string): SignIn[] {
    const rows = this.#sql.exec("SELECT name, url, state FROM mcp_sign_ins WHERE user_id = ? ORDER BY name", userId);
    return rows.toArray().map((row) => signInSchema.parse(row));
  }

  put(userId: string, { name, url, state }: SignIn): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO mcp_sign_ins (user_id, name, url, state) VALUES (?, ?, ?, ?)",
      userId,
      name,
      url,
      state,
    );
  }

  remove(userId: string, name: string): void {
    this.#sql.exec("DELETE FROM mcp_sign_ins WHERE user_id = ? AND name = ?", userId, name);
  }

  removeOf(userId: string): void {
    this.#sql.exec("DELETE FROM mcp_sign_ins WHERE user_id = ?", userId);
  }
}
