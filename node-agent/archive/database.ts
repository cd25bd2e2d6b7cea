import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { type Client, createClient, type InStatement, type Row } from "@libsql/client";
import { chmod } from "node:fs/promises";

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS segments (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, user_id TEXT NOT NULL,
     idx_from INTEGER NOT NULL, idx_to INTEGER NOT NULL, title TEXT NOT NULL, sha256 TEXT NOT NULL, blob BLOB NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS segments_by_session ON segments (session_id)",
  "CREATE TABLE IF NOT EXISTS dropped (id TEXT PRIMARY KEY) WITHOUT ROWID",
  // The newest state of each session that was sealed here: a backup that offers an older one was turned back.
  "CREATE TABLE IF NOT EXISTS sealed (session_id TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID",
  // Only the index: the texts are in the blobs.
  "CREATE VIRTUAL TABLE IF NOT EXISTS turn_index USING fts5(text, content='', tokenize='unicode61')",
  // What is deleted is not to be found in the file: SQLite overwrites it, and so does the index.
  "INSERT INTO turn_index(turn_index, rank) VALUES ('secure-delete', 1)",
];

/** One connection to a libSQL file, so that what is set for a connection holds for every statement. */
export class ArchiveDatabase {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Opens the file, which only its user can read, and makes it if it is not there. Throws LibsqlError for what is no database. */
  static async open(path: string): Promise<ArchiveDatabase> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const client = createClient({ url: pathToFileURL(path).href, concurrency: 1, timeout: 10_000 });
    try {
      const database = new ArchiveDatabase(client);
      await database.read("PRAGMA journal_mode = WAL");
      await database.read("PRAGMA synchronous = FULL"); // What is answered has reached the disk.
      await database.read("PRAGMA secure_delete = ON");
      await database.read("PRAGMA trusted_schema = OFF");
      await database.write(SCHEMA);
      await chmod(path, 0o600);
      return database;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  async read(sql: string, ...args: (string | number)[]): Promise<Row[]> {
    return (await this.#client.execute({ sql, args })).rows;
  }

  /** All of it or nothing; on the disk when it resolves. */
  async write(statements: InStatement[]): Promise<void> {
    await this.#client.batch(statements, "write");
  }

  /** Empties the log: what was overwritten in the file is not to be found there, either. */
  async checkpoint(): Promise<void> {
    await this.read("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  close(): void {
    this.#client.close();
  }
}
