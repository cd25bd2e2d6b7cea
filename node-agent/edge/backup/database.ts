import { DatabaseSync, backup } from "node:sqlite";

/** All pages in one step, and so of one moment, however much is written meanwhile. */
const ALL_PAGES = 2 ** 31 - 1;

/** Copies a database that may be in use, by SQLite's online backup, and checks the copy. Throws if it is not sound. */
export async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true, timeout: 10_000 });
  try {
    await backup(source, to, { rate: ALL_PAGES });
  } finally {
    source.close();
  }
  checkDatabase(to);
}

/** Throws unless the file is a sound SQLite database. Leaves no files beside it. */
export function checkDatabase(path: string): void {
  const database = new DatabaseSync(path);
  try {
    // Nothing of a database from elsewhere is to be believed, its own functions and triggers neither.
    database.exec("PRAGMA trusted_schema = OFF");
    const row = database.prepare("PRAGMA quick_check(1)").get();
    const found = Object.values(row ?? {})[0];
    if (found !== "ok") throw new Error(`quick_check says ${String(found).slice(0, 200)}`);
  } finally {
    database.close();
  }
}

/** Names of the migrations that a database has seen; none if it is not the edge's D1. */
export function migrationsOf(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const table = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'd1_migrations'").get();
    if (!table) return [];
    return database
      .prepare("SELECT name FROM d1_migrations ORDER BY id")
      .all()
      .map(({ name }) => String(name));
  } finally {
    database.close();
  }
}
