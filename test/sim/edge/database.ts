import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Machine } from "../agent/agent-process.ts";
import type { Kernel } from "../kernel/kernel.ts";

const MIGRATIONS = new URL("../../../migrations/", import.meta.url);
/** Longest that a query takes. */
const LONGEST_MS = 10;

let shared: DatabaseSync | undefined;

/** The product's own tables, made once for all runs: each run empties those it uses. */
function openShared(): DatabaseSync {
  if (shared) return shared;
  shared = new DatabaseSync(":memory:", { enableForeignKeyConstraints: false });
  const files = readdirSync(MIGRATIONS).filter((name) => name.endsWith(".sql"));
  for (const file of files.toSorted()) shared.exec(readFileSync(new URL(file, MIGRATIONS), "utf8"));
  return shared;
}

/** The edge's D1 database: real tables, whose answers take their time. */
export class VirtualDatabase {
  readonly #db = openShared();
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#db.exec("DELETE FROM agents");
  }

  pair({ id, publicKey }: Machine): void {
    this.#db
      .prepare("INSERT INTO agents (id, account_id, name, public_key, created_at) VALUES (?, 'account', ?, ?, 0)")
      .run(id, id, publicKey);
  }

  setRevoked(id: string, revokedAt: number | null): void {
    this.#db.prepare("UPDATE agents SET revoked_at = ? WHERE id = ?").run(revokedAt, id);
  }

  /** As a Worker's binding, as far as drizzle uses one. */
  binding(): unknown {
    return { prepare: (sql: string) => this.#statement(sql, []) };
  }

  #statement(sql: string, bindings: SQLInputValue[]): unknown {
    const rows = (): Record<string, unknown>[] => this.#db.prepare(sql).all(...bindings);
    const meta = { changes: 0, duration: 0 };
    return {
      bind: (...values: SQLInputValue[]) => this.#statement(sql, values),
      run: () => this.#later(() => ({ success: true, results: rows(), meta })),
      all: () => this.#later(() => ({ success: true, results: rows(), meta })),
      raw: () => this.#later(() => rows().map((row) => Object.values(row))),
      first: () => this.#later(() => rows()[0] ?? null),
    };
  }

  /** The query runs somewhere between its call and its answer. */
  #later<T>(query: () => T): Promise<T> {
    const kernel = this.#kernel;
    const { current, random } = kernel;
    return new Promise((resolve) => {
      kernel.plan(current, random.fraction() * LONGEST_MS, () => {
        const answer = query();
        kernel.plan(current, random.fraction() * LONGEST_MS, () => resolve(answer));
      });
    });
  }
}
