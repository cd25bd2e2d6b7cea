import type { KvMemory } from "./kv-memory.ts";
import { guarded, type Sequence } from "./sequence.ts";

/** Sequences that have a slot: decoding ones in slots [0, n), as a batch wants them, and prefilling ones anywhere behind. */
export class RunningSet {
  /** Index is slot. */
  readonly decoding: Sequence[] = [];
  /** In the order in which they began. */
  readonly prefilling: Sequence[] = [];
  readonly #memory: KvMemory;
  readonly #slots: number;
  #turn = 0;

  constructor(memory: KvMemory, slots: number) {
    this.#memory = memory;
    this.#slots = slots;
  }

  all(): Sequence[] {
    return [...this.decoding, ...this.prefilling];
  }

  freeSlots(): number[] {
    const taken = new Set(this.all().map(({ slot }) => slot));
    return Array.from({ length: this.#slots }, (_, slot) => slot).filter((slot) => !taken.has(slot));
  }

  /** Short prompts come before long ones, and every other time the one that came first, so that no long one starves. */
  nextPrefill(): Sequence | undefined {
    const [first, ...rest] = this.prefilling;
    if (first === undefined || this.#turn++ % 2 === 0) return first;
    const left = ({ tokens, stored }: Sequence): number => tokens.length - stored;
    return rest.reduce((shortest, sequence) => (left(sequence) < left(shortest) ? sequence : shortest), first);
  }

  /** Begins a sequence that the memory has placed in a free slot. */
  add(sequence: Sequence): void {
    sequence.phase = "prefilling";
    this.prefilling.push(sequence);
  }

  /** A sequence whose prompt is computed takes the first slot behind the decoding ones. */
  join(sequence: Sequence): void {
    const slot = this.decoding.length;
    const there = this.prefilling.find((other) => other.slot === slot);
    if (there === undefined) this.#memory.move(sequence, slot);
    else if (there !== sequence) this.#memory.swap(sequence, there);
    this.prefilling.splice(this.prefilling.indexOf(sequence), 1);
    sequence.phase = "decoding";
    this.decoding.push(sequence);
  }

  /** Takes a sequence out; the last decoding one moves into its gap. */
  remove(sequence: Sequence): void {
    const prefilling = this.prefilling.indexOf(sequence);
    if (prefilling >= 0) this.prefilling.splice(prefilling, 1);
    const slot = this.decoding.indexOf(sequence);
    if (slot < 0) return;
    const last = this.decoding.pop();
    if (last === undefined || last === sequence) return;
    this.decoding[slot] = last;
    guarded(last, () => this.#memory.move(last, slot));
  }

  /** Throws if slots and sequences contradict each other. */
  checkIntegrity(): void {
    const slots = new Set(this.all().map(({ slot }) => slot));
    if (slots.size !== this.all().length) throw new Error("Two sequences are in one slot.");
    if (this.decoding.some(({ slot }, i) => slot !== i))
      throw new Error("Decoding sequences have to be in the first slots.");
  }
}
