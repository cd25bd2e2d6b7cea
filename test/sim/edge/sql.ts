import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

type Row = Record<string, unknown>;

/** A statement behind another one: `exec` takes several. */
const SEVERAL = /;\s*\S/;

/** A Durable Object's `SqlStorage` over SQLite in memory: what the product's code uses of it, with its value types. */
export class VirtualSql {
  readonly #db = new DatabaseSync(":memory:");
  readonly #changes = this.#db.prepare("SELECT changes() AS changes");
  readonly #statements = new Map<string, StatementSync>();

  exec(query: string, ...bindings: unknown[]): Cursor {
    if (bindings.length === 0 && SEVERAL.test(query)) {
      this.#db.exec(query);
      return new Cursor([], () => 0);
    }
    let statement = this.#statements.get(query);
    if (statement === undefined) {
      statement = this.#db.prepare(query);
      this.#statements.set(query, statement);
    }
    const rows = statement.all(...bindings.map(toSqlite)).map((row) => fromSqlite({ ...row }));
    return new Cursor(rows, () => Number(this.#changes.get()?.["changes"] ?? 0));
  }

  get databaseSize(): number {
    const [pages] = this.exec("PRAGMA page_count").toArray();
    const [size] = this.exec("PRAGMA page_size").toArray();
    return Number(pages?.["page_count"]) * Number(size?.["page_size"]);
  }

  /** All of it, or nothing where it throws. */
  transactionSync<T>(run: () => T): T {
    this.#db.exec("SAVEPOINT virtual");
    try {
      const result = run();
      this.#db.exec("RELEASE virtual");
      return result;
    } catch (error) {
      this.#db.exec("ROLLBACK TO virtual; RELEASE virtual");
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }
}

/** What a query found: read at once, iterated once. */
export class Cursor implements IterableIterator<Row> {
  readonly #countWritten: () => number;
  readonly rowsRead: number;
  readonly #rows: Row[];
  #next = 0;

  constructor(rows: Row[], countWritten: () => number) {
    this.#rows = rows;
    this.rowsRead = rows.length;
    this.#countWritten = countWritten;
  }

  /** Of the last query: to be asked for before the next. */
  get rowsWritten(): number {
    return this.#countWritten();
  }

  get columnNames(): string[] {
    return Object.keys(this.#rows[0] ?? {});
  }

  next(): IteratorResult<Row, undefined> {
    const value = this.#rows[this.#next++];
    return value === undefined ? { value: undefined, done: true } : { value, done: false };
  }

  toArray(): Row[] {
    const rest = this.#rows.slice(this.#next);
    this.#next = this.#rows.length;
    return rest;
  }

  one(): Row {
    const [row] = this.#rows;
    if (row === undefined || this.#rows.length > 1) {
      throw new Error(`Expected exactly one result from SQL query, but got ${this.#rows.length}.`);
    }
    return row;
  }

  *raw(): IterableIterator<unknown[]> {
    for (const row of this.toArray()) yield Object.values(row);
  }

  [Symbol.iterator](): this {
    return this;
  }
}

function toSqlite(value: unknown): SQLInputValue {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (value === undefined) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  // What else is none of SQLite's types is refused by it, as it is by workerd.
  return value as SQLInputValue;
}

/** Blobs are ArrayBuffers there. */
function fromSqlite(row: Row): Row {
  for (const [name, value] of Object.entries(row)) {
    if (value instanceof Uint8Array) row[name] = new Uint8Array(value).buffer;
  }
  return row;
}
