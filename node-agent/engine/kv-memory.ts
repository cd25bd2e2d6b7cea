import type { Decoder } from "./decoder.ts";
import type { KvDisk } from "./kv-disk.ts";
import { PrefixTree } from "./prefix-tree.ts";
import type { Sequence } from "./sequence.ts";
import { SlotTable } from "./slot-table.ts";

/** Part of the budget that may be memory of slots nobody uses before it is given back, which copies what is in use. */
const SLACK = 1 / 4;
/** Positions that each sequence should be able to grow by before another comes in: one that is pushed out again costs its whole prompt. */
const HEADROOM = 64;
/** A prefix on the disk has to save at least this many tokens. */
const LEAST_GAIN = 64;

/** Where the keys and values of all sequences are: in slots while they run, in a tree of prefixes afterwards, both within one budget. */
export class KvMemory {
  readonly #decoder: Decoder;
  readonly #slots: SlotTable;
  readonly #tree: PrefixTree;
  readonly #disk: KvDisk | undefined;
  readonly #maxBytes: number;
  readonly #bytesPerPosition: number;

  /**
   * @param maxBytes of slots and prefixes together; one sequence may take all of it
   * @param disk where prefixes go that memory has no room for
   */
  constructor(decoder: Decoder, maxBytes: number, disk?: KvDisk) {
    this.#decoder = decoder;
    this.#slots = new SlotTable(decoder);
    this.#maxBytes = maxBytes;
    // Without a `kv` nothing can be counted or given back: the slots are what there is.
    this.#bytesPerPosition = decoder.kv?.bytesPerPosition ?? 0;
    const { kv } = decoder;
    this.#disk = kv === undefined ? undefined : disk;
    this.#tree = new PrefixTree(kv === undefined ? 0 : maxBytes, (tokens, parts) => {
      if (kv !== undefined) disk?.save(tokens, tokens.length * kv.bytesPerPosition, () => kv.join(parts).data);
    });
  }

  get slotBytes(): number {
    return this.#slots.touchedPositions * this.#bytesPerPosition;
  }

  get prefixBytes(): number {
    return this.#tree.bytes;
  }

  /** Length of the longest prefix of a sequence that need not be computed. */
  match(sequence: Pick<Sequence, "tokens" | "stage">): number {
    return this.#tree.match(this.#labels(sequence));
  }

  /** A sequence's tokens as prefixes are found by: keys of one stage are no good for another, so its number is in the first. */
  #labels({ tokens, stage }: Pick<Sequence, "tokens" | "stage">, length?: number): readonly number[] {
    const own = length === undefined ? tokens : tokens.slice(0, length);
    return stage === 0 ? own : own.map((token, i) => (i === 0 ? token + stage * this.#decoder.vocabSize : token));
  }

  /** Whether there is room for a sequence beside the running ones, and for all of them to grow a little. */
  hasRoom(sequence: Sequence, running: readonly Sequence[]): boolean {
    const positions = [...running, sequence].reduce((sum, { tokens }) => sum + tokens.length + HEADROOM, 0);
    return running.length === 0 || positions * this.#bytesPerPosition <= this.#maxBytes;
  }

  /**
   * Brings a prefix of a sequence back from the disk, where that is quicker than computing it anew; undefined where it is not.
   * @param msPerToken what a token of a prompt takes to compute
   */
  restore(sequence: Sequence, msPerToken: number): Promise<void> | undefined {
    const { kv } = this.#decoder;
    const tokens = this.#labels(sequence);
    const disk = this.#disk;
    const found = disk?.find(tokens);
    if (disk === undefined || kv === undefined || found === undefined) return undefined;
    const { entry, length, readMs } = found;
    const gained = length - this.#tree.match(tokens);
    if (gained < LEAST_GAIN || readMs > gained * msPerToken) return undefined;
    const insert = async (): Promise<void> => {
      const data = await disk.read(entry);
      if (data === undefined) return;
      const segment = kv.fromData(entry.tokens.length, data);
      this.#tree.insert(tokens.slice(0, length), kv.bytesPerPosition, (from, to) => segment.slice(from, to));
    };
    return insert();
  }

  /** Writes what is worth keeping to the disk, and forgets it. Only when nothing runs. */
  async persist(): Promise<void> {
    this.#tree.resize(0);
    await this.#disk?.flush();
  }

  /** Gives a sequence one of the free slots, with the longest prefix of it that is known. */
  place(sequence: Sequence, free: readonly number[]): void {
    const tokens = this.#labels(sequence);
    const resident = this.#slots.choose(free, tokens);
    const lease = this.#tree.acquire(tokens);
    if (lease.length > resident.length) this.#slots.load(resident.slot, lease, resident.length);
    this.#slots.write(resident.slot, 0);
    // The last token is always computed: its logits choose the next one.
    sequence.stored = Math.min(Math.max(lease.length, resident.length), tokens.length - 1);
    sequence.cachedTokens ??= Math.min(sequence.stored, sequence.spec.prompt.length);
    sequence.slot = resident.slot;
    sequence.lease = lease;
  }

  /** Keeps what a sequence has computed so far for those that begin alike. */
  remember(sequence: Sequence): void {
    const { kv } = this.#decoder;
    if (kv === undefined) return;
    const { slot, stored } = sequence;
    this.#tree.insert(this.#labels(sequence, stored), kv.bytesPerPosition, (from, to) => kv.read(slot, from, to));
  }

  /** A sequence leaves its slot; what it computed stays for others. */
  release(sequence: Sequence): void {
    this.remember(sequence);
    this.#slots.keep(sequence.slot, this.#labels(sequence, sequence.stored));
    this.#unlease(sequence);
  }

  /** A sequence leaves its slot, and nothing of it is kept. */
  forget(sequence: Sequence): void {
    this.#slots.keep(sequence.slot, []);
    this.#unlease(sequence);
  }

  /** Moves a sequence into a slot that is free. */
  move(sequence: Sequence, slot: number): void {
    this.#slots.copy(sequence.slot, slot, this.#labels(sequence, sequence.stored));
    sequence.slot = slot;
  }

  swap(a: Sequence, b: Sequence): void {
    this.#slots.swap(a.slot, b.slot, [a.stored, b.stored]);
    [a.slot, b.slot] = [b.slot, a.slot];
  }

  /**
   * Makes room for the next step, in which each of `sequences` stores `most` more positions. The memory of idle slots goes first, then
   * prefixes. False if that is not enough: then one of the `running` has to leave.
   */
  makeRoom(sequences: readonly Sequence[], most: number, running: readonly Sequence[]): boolean {
    for (const { slot, stored } of sequences) this.#slots.write(slot, stored + most);
    if (this.slotBytes + this.#tree.bytes > this.#maxBytes && this.#idleBytes(running) > this.#maxBytes * SLACK) {
      this.#slots.trim(this.#inUse(running));
    }
    this.#tree.resize(this.#maxBytes - this.slotBytes);
    if (this.slotBytes + this.#tree.bytes <= this.#maxBytes) return true;
    for (const sequence of running) this.#unlease(sequence);
    this.#tree.resize(this.#maxBytes - this.slotBytes);
    if (this.slotBytes <= this.#maxBytes) return true;
    if (running.length > 1) return false;
    this.#slots.trim(this.#inUse(running));
    return true;
  }

  /** After sequences have moved and ended, which writes to slots and keeps prefixes: back within the budget. */
  settle(running: readonly Sequence[]): void {
    if (this.slotBytes > this.#maxBytes) this.#slots.trim(this.#inUse(running));
    this.#tree.resize(this.#maxBytes - this.slotBytes);
  }

  /** Gives back all that no running sequence needs. */
  reclaim(running: readonly Sequence[]): void {
    this.#tree.resize(0);
    this.#slots.trim(this.#inUse(running));
  }

  /** Throws if the books do not balance. */
  checkIntegrity(isIdle: boolean): void {
    this.#tree.checkIntegrity(isIdle);
  }

  /** Positions of each slot that running sequences need. */
  #inUse(running: readonly Sequence[]): number[] {
    const lengths = Array.from({ length: this.#decoder.slots }, () => 0);
    for (const { slot, stored } of running) lengths[slot] = stored;
    return lengths;
  }

  #idleBytes(running: readonly Sequence[]): number {
    const used = this.#inUse(running).reduce((sum, length) => sum + length, 0);
    return this.slotBytes - used * this.#bytesPerPosition;
  }

  #unlease(sequence: Sequence): void {
    sequence.lease?.release();
    sequence.lease = undefined;
  }
}
