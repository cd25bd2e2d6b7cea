import type { Entry } from "./entry.ts";
import type { LedgerEvent } from "./event.ts";

/** Where the ledger is written down. Nothing that was written is ever changed. */
export interface Book {
  /** Events of a stream in the order in which they were written. */
  events(stream: string): Promise<LedgerEvent[]>;
  /**
   * Writes the event as the `seq`th of its stream, with its lines, whole or not at all, and takes it from those that wait. `known`: an event
   * of its key was written before; `conflict`: another event has that place by now.
   */
  append(
    stream: string,
    seq: number,
    event: LedgerEvent,
    entries: readonly Entry[],
  ): Promise<"written" | "known" | "conflict">;
  /** Keeps an event whose time has not come; the same key once. */
  wait(stream: string, event: LedgerEvent): Promise<void>;
  /** Those of a stream that wait. */
  waiting(stream: string): Promise<LedgerEvent[]>;
  /** The sum of an account's lines. */
  balance(account: string, currency: string): Promise<number>;
}
