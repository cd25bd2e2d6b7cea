import { parseArgs } from "node:util";
import { Ledger } from "../../edge/market/money/ledger.ts";
import type { LedgerEvent } from "../../edge/market/money/event.ts";
import {
  chanceOf,
  delivered,
  expectedBalances,
  purchaseStory,
  subscriptionStory,
  type Truth,
} from "../support/ledger/history.ts";
import { MemoryBook } from "../support/ledger/memory-book.ts";

/**
 * Random purchases and subscriptions, fees, refunds, disputes and releases, delivered twice and out of order: every transaction sums to
 * zero, replays change nothing, and balances are what a count without a ledger comes to; of what buyers did not get back, developers and
 * market have every unit. `node test/campaign/ledger.ts [--events 1000000] [--seed 1]`
 */
const { values } = parseArgs({
  options: { events: { type: "string", default: "1000000" }, seed: { type: "string", default: "1" } },
});
const wanted = Number(values.events);
const chance = chanceOf(Number(values.seed));
const book = new MemoryBook();
const ledger = new Ledger(book);
const truths: Truth[] = [];
const counts = { delivered: 0, written: 0, known: 0, waiting: 0 };
const startedAt = performance.now();

/** Of what is bought. */
const SUBSCRIPTIONS = 0.2;
/** Purchases whose events are mixed with each other. */
const MIXED = 2_000;
let replayed: LedgerEvent[] = [];
for (let id = 0; counts.delivered < wanted; ) {
  const stories = Array.from({ length: MIXED }, () => {
    if (chance() < SUBSCRIPTIONS) return subscriptionStory(id++, chance);
    const { events, truth } = purchaseStory(id++, chance);
    return { events, truths: [truth] };
  });
  truths.push(...stories.flatMap((story) => story.truths));
  const events = delivered(
    stories.flatMap((story) => story.events),
    chance,
    500,
  );
  for (const event of events) counts[await ledger.record(event)] += 1;
  counts.delivered += events.length;
  replayed = events;
}
const before = book.transactions;
for (const event of replayed) {
  if ((await ledger.record(event)) !== "known") throw new Error(`A replay was not known: ${event.key}`);
}
const findings: string[] = [];
if (book.transactions !== before) findings.push("replays wrote transactions");
if (book.waitingCount > 0) findings.push(`${book.waitingCount} events wait for ever`);
const expected = expectedBalances(truths);
for (const name of new Set([...expected.keys(), ...book.balances.keys()])) {
  const [is = 0, should = 0] = [book.balances.get(name), expected.get(name)];
  if (is !== should) findings.push(`${name}: ${is}, not ${should}`);
}
for (const currency of new Set(truths.map((truth) => truth.currency))) {
  const of = truths.filter((truth) => truth.currency === currency);
  const kept = of.reduce((sum, { gross, returned }) => sum + gross - returned, 0);
  const fees = of.reduce((sum, truth) => sum + truth.fees, 0);
  const accounts = [...book.balances].filter(
    ([name]) => name.endsWith(` ${currency}`) && /^(held|available|market)/.test(name),
  );
  const shared = -accounts.reduce((sum, [, amount]) => sum + amount, 0);
  if (shared + fees !== kept) findings.push(`${currency}: developers and market have ${shared + fees} of ${kept}`);
}
const total = [...book.balances.values()].reduce((sum, amount) => sum + amount, 0);
if (total !== 0) findings.push(`all balances together are ${total}`);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  `${counts.delivered} events of ${truths.length} payments (${counts.known} known, ${counts.waiting} came too early), ` +
    `${book.transactions} transactions, ${book.balances.size} balances, ${findings.length} findings, ${seconds} s`,
);
for (const finding of findings.slice(0, 20)) console.error(finding);
process.exitCode = findings.length === 0 ? 0 : 1;
