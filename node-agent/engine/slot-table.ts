import type { Decoder } from "./decoder.ts";
import type { PrefixLease } from "./prefix-tree.ts";

/**
 * What each slot of a decoder's cache holds, and how much memory the slots have taken. A slot keeps its tokens' keys and values after
 * its sequence has ended, until another is put there.
 */
export class SlotTable {
  readonly #decoder: Decoder;
  /** Tokens whose keys and values are in each slot. */
  readonly #held: (readonly number[])[];
  /** Positions of each slot that were ever written since the last trim: the memory that the system has given. */
  readonly #touched: number[];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
    this.#held = Array.from({ length: decoder.slots }, () => []);
    this.#touched = Array.from({ length: decoder.slots }, () => 0);
  }

  /** Positions that have memory. */
  get touchedPositions(): number {
    return this.#touched.reduce((sum, positions) => sum + positions, 0);
  }

  /** Of `slots`, the one that holds the longest prefix of `tokens`, or else the one that holds least. */
  choose(slots: readonly number[], tokens: readonly number[]): { slot: number; length: number } {
    let best = { slot: slots[0] ?? 0, length: 0, held: Number.POSITIVE_INFINITY };
    for (const slot of slots) {
      const held = this.#held[slot] ?? [];
      const length = commonPrefix(held, tokens);
      if (length > best.length || (length === best.length && held.length < best.held)) {
        best = { slot, length, held: held.length };
      }
    }
    return best;
  }

  /** Puts the keys and values of a lease into a slot that already holds its first `from` tokens. */
  load(slot: number, lease: PrefixLease, from: number): void {
    for (const { segment, at, length } of lease.segments()) {
      if (at + length <= from) continue;
      this.#decoder.kv?.write(slot, at, segment, length);
    }
    this.write(slot, lease.length);
  }

  /** Positions up to `length` are about to be written; what the slot held is its sequence's business from now on. */
  write(slot: number, length: number): void {
    this.#held[slot] = [];
    this.#touched[slot] = Math.max(this.#touched[slot] ?? 0, length);
  }

  /** The slot holds exactly these tokens' keys and values. */
  keep(slot: number, tokens: readonly number[]): void {
    this.#held[slot] = tokens;
  }

  /** Copies the keys and values of `tokens` from one slot to another. */
  copy(from: number, to: number, tokens: readonly number[]): void {
    this.write(to, tokens.length);
    this.#decoder.copySlot(from, to, tokens.length);
    this.#held[from] = tokens;
  }

  /** Exchanges what two slots hold of their first `lengths` positions. Only where the decoder has a `kv`. */
  swap(a: number, b: number, lengths: readonly [number, number]): void {
    const kept = this.#decoder.kv?.read(a, 0, lengths[0]);
    if (kept === undefined) throw new Error("This decoder's cache cannot be taken apart.");
    this.write(a, lengths[1]);
    this.write(b, lengths[0]);
    this.#decoder.copySlot(b, a, lengths[1]);
    this.#decoder.kv?.write(b, 0, kept, lengths[0]);
  }

  /** Gives back all memory but that of positions [0, lengths[i]) of slot i. */
  trim(lengths: readonly number[]): void {
    this.#decoder.kv?.trim(lengths);
    for (const [slot, length] of lengths.entries()) {
      this.#touched[slot] = length;
      this.#held[slot] = this.#held[slot]?.slice(0, length) ?? [];
    }
  }
}

export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}
