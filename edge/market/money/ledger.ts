import type { Book } from "./book.ts";
import { available, type Entry } from "./entry.ts";
import { type LedgerEvent, streamOf } from "./event.ts";
import { nextPayouts, type Payouts } from "./payout.ts";
import { nextPurchase, type Purchase, WAIT } from "./purchase.ts";

/** Writers of one stream at once: each round one of them gets through. */
const ROUNDS = 50;

/** `waiting`: what it belongs to has not been heard of yet; it is written as soon as it is. */
export type Recorded = "written" | "known" | "waiting";

type State = { purchase: Purchase | undefined; payouts: Payouts };

/**
 * The market's double-entry ledger: append-only, each transaction sums to zero. Events may come twice and in any order: what comes out is the
 * same.
 */
export class Ledger {
  readonly #book: Book;

  constructor(book: Book) {
    this.#book = book;
  }

  /** Writes an event down once. */
  async record(event: LedgerEvent): Promise<Recorded> {
    const stream = streamOf(event);
    const recorded = await this.#write(stream, event);
    if (recorded === "written") await this.#settle(stream);
    return recorded;
  }

  /** A purchase as it stands; undefined: nothing was paid. */
  async purchase(purchaseId: string): Promise<Purchase | undefined> {
    return replay(await this.#book.events(`purchase:${purchaseId}`)).purchase;
  }

  async payouts(publisherId: string, currency: string): Promise<Payouts> {
    return replay(await this.#book.events(`payee:${publisherId}:${currency}`)).payouts;
  }

  /** What can be paid out to a developer; below zero, what the developer owes. */
  async availableTo(publisherId: string, currency: string): Promise<number> {
    return -(await this.#book.balance(available(publisherId), currency)) || 0;
  }

  async #write(stream: string, event: LedgerEvent): Promise<Recorded> {
    for (let round = 0; round < ROUNDS; round++) {
      const events = await this.#book.events(stream);
      if (events.some(({ key }) => key === event.key)) return "known";
      const next = step(replay(events), event);
      if (next === WAIT) {
        await this.#book.wait(stream, event);
        // What it waits for may have been written meanwhile, by somebody who did not see it wait.
        if ((await this.#book.events(stream)).length === events.length) return "waiting";
        continue;
      }
      const written = await this.#book.append(stream, events.length, event, next.entries);
      if (written !== "conflict") return written;
    }
    throw new Error(`The stream '${stream}' of the ledger has too many writers.`);
  }

  /** Writes those that waited for what was written. */
  async #settle(stream: string): Promise<void> {
    for (;;) {
      let isDone = true;
      for (const event of await this.#book.waiting(stream)) {
        if ((await this.#write(stream, event)) === "written") isDone = false;
      }
      if (isDone) return;
    }
  }
}

function replay(events: readonly LedgerEvent[]): State {
  let state: State = { purchase: undefined, payouts: new Map() };
  for (const event of events) {
    const next = step(state, event);
    if (next === WAIT) throw new Error(`The ledger has an event out of its turn: ${event.key}`);
    ({ state } = next);
  }
  return state;
}

function step(state: State, event: LedgerEvent): { state: State; entries: Entry[] } | typeof WAIT {
  if ("purchaseId" in event) {
    const next = nextPurchase(state.purchase, event);
    return next === WAIT ? WAIT : { state: { ...state, purchase: next.purchase }, entries: next.entries };
  }
  const next = nextPayouts(state.payouts, event);
  return next === WAIT ? WAIT : { state: { ...state, payouts: next.payouts }, entries: next.entries };
}
