import { and, asc, eq, sum } from "drizzle-orm";
import { type Database, isDuplicate } from "../../store/database.ts";
import type { Book } from "./book.ts";
import type { Entry } from "./entry.ts";
import { type LedgerEvent, ledgerEventSchema } from "./event.ts";
import { ledgerEntries, ledgerEvents, ledgerWaiting } from "./schema.ts";

/** The ledger in D1: a batch is one transaction there, and of two writers of one place in a stream the second one fails. */
export class D1Book implements Book {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async events(stream: string): Promise<LedgerEvent[]> {
    const rows = await this.#db
      .select({ event: ledgerEvents.event })
      .from(ledgerEvents)
      .where(eq(ledgerEvents.stream, stream))
      .orderBy(asc(ledgerEvents.seq));
    return rows.map(({ event }) => ledgerEventSchema.parse(JSON.parse(event)));
  }

  async append(stream: string, seq: number, event: LedgerEvent, entries: readonly Entry[]) {
    const { key, atMs } = event;
    const written = this.#db.insert(ledgerEvents).values({ stream, seq, key, atMs, event: JSON.stringify(event) });
    const lines = entries.map((entry, line) =>
      this.#db.insert(ledgerEntries).values({ ...entry, stream, seq, line, atMs }),
    );
    const waits = this.#db.delete(ledgerWaiting).where(eq(ledgerWaiting.key, key));
    try {
      await this.#db.batch([written, ...lines, waits]);
      return "written" as const;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      const [same] = await this.#db.select().from(ledgerEvents).where(eq(ledgerEvents.key, key)).limit(1);
      return same === undefined ? ("conflict" as const) : ("known" as const);
    }
  }

  async wait(stream: string, event: LedgerEvent): Promise<void> {
    const row = { key: event.key, stream, event: JSON.stringify(event) };
    await this.#db.insert(ledgerWaiting).values(row).onConflictDoNothing();
  }

  async waiting(stream: string): Promise<LedgerEvent[]> {
    const rows = await this.#db
      .select({ event: ledgerWaiting.event })
      .from(ledgerWaiting)
      .where(eq(ledgerWaiting.stream, stream));
    return rows.map(({ event }) => ledgerEventSchema.parse(JSON.parse(event)));
  }

  /** Those of all streams that wait, for somebody to look at. */
  async allWaiting(limit: number): Promise<LedgerEvent[]> {
    const rows = await this.#db.select({ event: ledgerWaiting.event }).from(ledgerWaiting).limit(limit);
    return rows.map(({ event }) => ledgerEventSchema.parse(JSON.parse(event)));
  }

  async balance(account: string, currency: string): Promise<number> {
    const [row] = await this.#db
      .select({ total: sum(ledgerEntries.amount) })
      .from(ledgerEntries)
      .where(and(eq(ledgerEntries.account, account), eq(ledgerEntries.currency, currency)));
    return Number(row?.total ?? 0);
  }
}
