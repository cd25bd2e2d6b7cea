import type { Decoder } from "./decoder.ts";

/**
 * Which tokens' keys and values each slot of the cache holds while no sequence owns it, so that a request which begins like an
 * earlier one (the next turn of a chat) computes only what is new.
 */
export interface KvSlots {
  /** Of the slots from `from` on, the one that shares the longest prefix with `tokens`, and that prefix's length. */
  findPrefix(tokens: readonly number[], from: number): { slot: number; length: number };
  /** The slot holds exactly these tokens' keys and values. */
  keep(slot: number, tokens: readonly number[]): void;
  /** Copies the keys and values of `tokens` from one slot to another. */
  copy(from: number, to: number, tokens: readonly number[]): void;
}

export function createKvSlots(decoder: Pick<Decoder, "slots" | "copySlot">): KvSlots {
  const held: (readonly number[])[] = Array.from({ length: decoder.slots }, () => []);
  return {
    findPrefix: (tokens, from) => {
      let best = { slot: from, length: 0 };
      for (let slot = from; slot < held.length; slot++) {
        const length = commonPrefix(held[slot] ?? [], tokens);
        if (length > best.length) best = { slot, length };
      }
      return best;
    },
    keep: (slot, tokens) => {
      held[slot] = tokens;
    },
    copy: (from, to, tokens) => {
      held[to] = [];
      decoder.copySlot(from, to, tokens.length);
      held[from] = tokens;
    },
  };
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}
