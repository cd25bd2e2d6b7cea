import type { Priority } from "../../shared/inference/request.ts";
import type { Sequence } from "./sequence.ts";

/** Shares of the machine when all wait: a high priority gets more of it, and a low one still some. */
const WEIGHTS: Record<Priority, number> = { low: 1, normal: 4, high: 16 };
/** Callers whose past use is remembered. */
const MAX_CALLERS = 1024;

/** One caller at one priority. */
interface Lane {
  queue: Sequence[];
  /** Work done for it, divided by its weight: the lane with the least comes next. */
  pass: number;
  weight: number;
}

/**
 * Sequences that wait for a slot. Between callers the machine is shared by work done, weighted by priority (stride scheduling,
 * Waldspurger and Weihl 1995), so that nobody starves; a caller's own sequences come in the order of arrival.
 */
export class WaitingQueue {
  readonly #lanes = new Map<string, Lane>();
  /** The pass of the lane that was served last: where a lane begins that had nothing to do. */
  #now = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(sequence: Sequence): void {
    const lane = this.#lane(sequence);
    if (lane.queue.length === 0) lane.pass = Math.max(lane.pass, this.#now);
    lane.queue.push(sequence);
    this.#size++;
  }

  /** Puts a sequence that had begun back, before its caller's others. */
  putBack(sequence: Sequence): void {
    this.#lane(sequence).queue.unshift(sequence);
    this.#size++;
  }

  /**
   * Takes the next sequence, if it `fits`: what does not is waited for, so that small ones cannot keep it out for ever. One that is about to
   * get cheaper `mayPass`: others go before it.
   */
  take(is: { fits: (next: Sequence) => boolean; mayPass: (next: Sequence) => boolean }): Sequence | undefined {
    const lanes = [...this.#lanes.values()].filter(({ queue }) => queue.length > 0);
    lanes.sort((a, b) => a.pass - b.pass);
    for (const lane of lanes) {
      const [sequence] = lane.queue;
      if (sequence === undefined || is.mayPass(sequence)) continue;
      if (!is.fits(sequence)) return undefined;
      lane.queue.shift();
      this.#size--;
      this.#now = lane.pass;
      return sequence;
    }
    return undefined;
  }

  /** Counts work, in tokens, against a sequence's caller. */
  charge(sequence: Sequence, tokens: number): void {
    const lane = this.#lane(sequence);
    lane.pass += tokens / lane.weight;
  }

  /** Drops the sequences that `isGone`. */
  sweep(isGone: (sequence: Sequence) => boolean): void {
    this.#size = 0;
    for (const lane of this.#lanes.values()) {
      lane.queue = lane.queue.filter((sequence) => !isGone(sequence));
      this.#size += lane.queue.length;
    }
  }

  *[Symbol.iterator](): Generator<Sequence> {
    for (const { queue } of this.#lanes.values()) yield* queue;
  }

  #lane({ spec: { caller = "", priority = "normal" } }: Sequence): Lane {
    const key = `${priority} ${caller}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    for (const [other, { queue }] of this.#lanes) {
      if (this.#lanes.size < MAX_CALLERS) break;
      if (queue.length === 0) this.#lanes.delete(other);
    }
    const lane = { queue: [], pass: this.#now, weight: WEIGHTS[priority] };
    this.#lanes.set(key, lane);
    return lane;
  }
}
