import { and, asc, eq, inArray, lt, sum } from "drizzle-orm";
import type { Database } from "../../store/database.ts";
import { available, held, transit } from "./entry.ts";
import { type LedgerEvent, ledgerEventSchema } from "./event.ts";
import { ledgerEntries, ledgerEvents } from "./schema.ts";

/** What a developer has in a currency, in minor units. */
export interface Balance {
  currency: string;
  /** Buyers may still ask it back. */
  held: number;
  /** It can be paid out; below zero, it is owed. */
  available: number;
  /** It is on its way. */
  transit: number;
}

/** Something that changed what a developer has with the market. */
export interface StatementLine {
  /** Unix milliseconds. */
  atMs: number;
  event: LedgerEvent;
  /** Minor units. */
  amount: number;
}

export interface Statement {
  /** Before the first line, and after the last. */
  opening: number;
  closing: number;
  lines: StatementLine[];
}

/** Credits are negative in the ledger; to the developer they are money. */
const toDeveloper = (amount: number): number => -amount || 0;

/** A developer's balances, by currency. */
export async function balancesOf(db: Database, publisherId: string): Promise<Balance[]> {
  const rows = await db
    .select({ account: ledgerEntries.account, currency: ledgerEntries.currency, total: sum(ledgerEntries.amount) })
    .from(ledgerEntries)
    .where(inArray(ledgerEntries.account, accountsOf(publisherId)))
    .groupBy(ledgerEntries.account, ledgerEntries.currency);
  return [...Map.groupBy(rows, ({ currency }) => currency)]
    .map(([currency, its]): Balance => {
      const of = (account: string): number =>
        toDeveloper(Number(its.find((row) => row.account === account)?.total ?? 0));
      const [heldBack, free, onItsWay] = [of(held(publisherId)), of(available(publisherId)), of(transit(publisherId))];
      return { currency, held: heldBack, available: free, transit: onItsWay };
    })
    .toSorted((a, b) => (a.currency < b.currency ? -1 : 1));
}

/** All that changed what the developer has from `fromMs` to before `toMs`. Opening and lines add up to closing. */
export async function statementOf(
  db: Database,
  publisherId: string,
  { currency, fromMs, toMs }: { currency: string; fromMs: number; toMs: number },
): Promise<Statement> {
  const rows = await db
    .select({ atMs: ledgerEntries.atMs, event: ledgerEvents.event, amount: sum(ledgerEntries.amount) })
    .from(ledgerEntries)
    .innerJoin(
      ledgerEvents,
      and(eq(ledgerEvents.stream, ledgerEntries.stream), eq(ledgerEvents.seq, ledgerEntries.seq)),
    )
    .where(
      and(
        inArray(ledgerEntries.account, accountsOf(publisherId)),
        eq(ledgerEntries.currency, currency),
        lt(ledgerEntries.atMs, toMs),
      ),
    )
    .groupBy(ledgerEntries.stream, ledgerEntries.seq)
    .orderBy(asc(ledgerEntries.atMs), asc(ledgerEntries.stream), asc(ledgerEntries.seq));
  const all = rows.map(({ atMs, event, amount }): StatementLine => {
    return { atMs, event: ledgerEventSchema.parse(JSON.parse(event)), amount: toDeveloper(Number(amount)) };
  });
  const total = (lines: readonly StatementLine[]): number => lines.reduce((money, { amount }) => money + amount, 0);
  const opening = total(all.filter(({ atMs }) => atMs < fromMs));
  // What only moves between held, available and on its way changes nothing of what there is.
  const lines = all.filter(({ atMs, amount }) => atMs >= fromMs && amount !== 0);
  return { opening, closing: opening + total(lines), lines };
}

function accountsOf(publisherId: string): string[] {
  return [held(publisherId), available(publisherId), transit(publisherId)];
}
