import type { Decoder } from "./decoder.ts";
import type { KvMemory } from "./kv-memory.ts";
import type { RunningSet } from "./running-set.ts";
import { isGone, type Sequence, stageFor } from "./sequence.ts";
import { commonPrefix } from "./slot-table.ts";
import type { WaitingQueue } from "./waiting-queue.ts";

/** A sequence waits for another's prefill when it would save this many tokens. */
const WORTH_WAITING_TOKENS = 32;

export interface AdmissionContext {
  decoder: Pick<Decoder, "kv" | "stages">;
  memory: KvMemory;
  waiting: WaitingQueue;
  running: RunningSet;
}

/** Who has a slot: those who wait come in, those who outgrew their stage begin anew, and who came last makes room. Between steps only. */
export class Admission {
  readonly #decoder: AdmissionContext["decoder"];
  readonly #memory: KvMemory;
  readonly #waiting: WaitingQueue;
  readonly #running: RunningSet;
  readonly counters = { cachedTokens: 0, preemptions: 0, outgrown: 0 };

  constructor({ decoder, memory, waiting, running }: AdmissionContext) {
    this.#decoder = decoder;
    this.#memory = memory;
    this.#waiting = waiting;
    this.#running = running;
  }

  /** Gives free slots to those who wait. */
  admit(): void {
    for (;;) {
      const running = this.#running.all();
      const free = this.#running.freeSlots();
      // Without a `kv`, two that prefill could not change places.
      const mayPrefill = this.#decoder.kv !== undefined || this.#running.prefilling.length === 0;
      if (this.#waiting.size === 0 || free.length === 0 || !mayPrefill) return;
      const sequence = this.#waiting.take({
        mayPass: (next) => next.isRestoring || this.#isAboutToBeShared(next),
        fits: (next) => this.#memory.hasRoom(next, running),
      });
      if (sequence === undefined) return;
      const isFirst = sequence.cachedTokens === undefined;
      this.#memory.place(sequence, free);
      if (isFirst) this.counters.cachedTokens += sequence.stored;
      this.#running.add(sequence);
    }
  }

  /** Sequences that are longer than their stage is for begin again in the next one, and keep their place. */
  outgrow(): void {
    const { stages } = this.#decoder;
    if (stages === undefined) return;
    const longer = ({ tokens, stage }: Sequence) => tokens.length > (stages[stage] ?? Number.POSITIVE_INFINITY);
    for (const sequence of this.#running.decoding.filter(longer)) {
      this.#memory.release(sequence);
      this.#running.remove(sequence);
      sequence.stage = stageFor(stages, sequence.tokens.length);
      this.#memory.place(sequence, this.#running.freeSlots());
      this.#running.add(sequence);
      this.counters.outgrown++;
    }
  }

  /** The sequence that came last waits again: it keeps its tokens, and gives its memory up. */
  preempt(): void {
    const last = this.#running.all().reduce((a, b) => (b.order > a.order ? b : a));
    this.#memory.forget(last);
    this.#running.remove(last);
    last.phase = "waiting";
    last.stored = 0;
    this.#waiting.putBack(last);
    this.counters.preemptions++;
  }

  /** Takes ended and cancelled sequences out. */
  sweep(): void {
    this.#waiting.sweep(isGone);
    for (const sequence of this.#running.all().filter(isGone)) {
      sequence.phase = "ended";
      this.#memory.release(sequence);
      this.#running.remove(sequence);
    }
    this.#memory.settle(this.#running.all());
  }

  /** Whether another sequence is just computing a prefix of this one. */
  #isAboutToBeShared(sequence: Sequence): boolean {
    const prefilling = this.#running.prefilling.filter(({ stage }) => stage === sequence.stage);
    if (this.#decoder.kv === undefined || prefilling.length === 0) return false;
    const known = this.#memory.match(sequence);
    return prefilling.some((other) => commonPrefix(other.tokens, sequence.tokens) >= known + WORTH_WAITING_TOKENS);
  }
}
