import type { Book } from "../../../edge/market/money/book.ts";
import type { Entry } from "../../../edge/market/money/entry.ts";
import type { LedgerEvent } from "../../../edge/market/money/event.ts";

/** The ledger in memory, for a million events. It checks every transaction that it is given. */
export class MemoryBook implements Book {
  readonly #streams = new Map<string, LedgerEvent[]>();
  readonly #keys = new Set<string>();
  readonly #waiting = new Map<string, Map<string, LedgerEvent>>();
  readonly balances = new Map<string, number>();
  transactions = 0;

  async events(stream: string): Promise<LedgerEvent[]> {
    return await Promise.resolve([...(this.#streams.get(stream) ?? [])]);
  }

  async append(stream: string, seq: number, event: LedgerEvent, entries: readonly Entry[]) {
    await Promise.resolve();
    if (this.#keys.has(event.key)) return "known" as const;
    const events = this.#streams.get(stream) ?? [];
    if (events.length !== seq) return "conflict" as const;
    if (entries.reduce((sum, { amount }) => sum + amount, 0) !== 0) throw new Error(`not zero: ${event.key}`);
    this.#streams.set(stream, [...events, event]);
    this.#keys.add(event.key);
    this.#waiting.get(stream)?.delete(event.key);
    this.transactions += 1;
    for (const { account, currency, amount } of entries) {
      const name = `${account} ${currency}`;
      this.balances.set(name, (this.balances.get(name) ?? 0) + amount);
    }
    return "written" as const;
  }

  async wait(stream: string, event: LedgerEvent): Promise<void> {
    const events = this.#waiting.get(stream) ?? new Map<string, LedgerEvent>();
    this.#waiting.set(stream, events.set(event.key, event));
    await Promise.resolve();
  }

  async waiting(stream: string): Promise<LedgerEvent[]> {
    return await Promise.resolve([...(this.#waiting.get(stream)?.values() ?? [])]);
  }

  async balance(account: string, currency: string): Promise<number> {
    return await Promise.resolve(this.balances.get(`${account} ${currency}`) ?? 0);
  }

  get waitingCount(): number {
    return [...this.#waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }
}
