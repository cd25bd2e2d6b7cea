import type { Decoder, KvSegment, KvStore } from "../../node-agent/engine/decoder.ts";

export interface ToyDecoderOptions {
  slots?: number;
  contextLength?: number;
  vocabSize?: number;
  /** Whether its cache can be taken apart; it can by default. */
  hasKv?: boolean;
  /** Runs before every call of the decoder, with what it is; a throw makes the call fail and its slots lose what they hold. */
  onCall?: (call: { kind: "prefill" | "decode" | "verify"; slots: number[] }) => void | Promise<void>;
}

/**
 * A decoder whose logits are a hash of all tokens its cache holds before and at a position, so that a mix-up of slots, positions or
 * rows changes the output. It checks what a real one would get wrong silently: positions that were never written, overlapping
 * calls, logits read after the next call.
 */
export class ToyDecoder implements Decoder {
  readonly slots: number;
  readonly contextLength: number;
  readonly vocabSize: number;
  isDisposed = false;
  readonly kv?: KvStore;
  readonly #cache: number[][];
  readonly #logits: Float32Array;
  readonly #onCall: ToyDecoderOptions["onCall"];
  #isBusy = false;

  constructor({ slots = 4, contextLength = 64, vocabSize = 32, hasKv = true, onCall }: ToyDecoderOptions = {}) {
    this.slots = slots;
    this.contextLength = contextLength;
    this.vocabSize = vocabSize;
    this.#cache = Array.from({ length: slots }, () => []);
    this.#logits = new Float32Array(slots * vocabSize);
    this.#onCall = onCall;
    if (hasKv) this.kv = this.#createKv();
  }

  async prefill(slot: number, tokens: readonly number[], past: number): Promise<Float32Array> {
    await this.#enter({ kind: "prefill", slots: [slot] });
    if (tokens.length === 0) throw new RangeError("no tokens");
    for (const [i, token] of tokens.entries()) this.#write(slot, past + i, token);
    this.#fill(0, slot, past + tokens.length);
    this.#isBusy = false;
    return this.#logits.subarray(0, this.vocabSize);
  }

  async decode(tokens: readonly number[], pasts: readonly number[]): Promise<Float32Array> {
    await this.#enter({ kind: "decode", slots: [...tokens.keys()] });
    if (tokens.length === 0 || tokens.length !== pasts.length) throw new RangeError("bad batch");
    for (const [slot, token] of tokens.entries()) {
      const past = pasts[slot] ?? 0;
      this.#write(slot, past, token);
      this.#fill(slot, slot, past + 1);
    }
    this.#isBusy = false;
    return this.#logits.subarray(0, tokens.length * this.vocabSize);
  }

  copySlot(from: number, to: number, length: number): void {
    if (this.#isBusy) throw new Error("copySlot during a call");
    const tokens = this.#slot(from).slice(0, length);
    if (tokens.length !== length) throw new RangeError("copy of positions that were never written");
    this.#cache[to] = [...tokens, ...this.#slot(to).slice(length)];
  }

  async evaluate(slot: number, tokens: readonly number[], past = 0): Promise<Float32Array> {
    await this.#enter({ kind: "verify", slots: [slot] });
    const logits = new Float32Array(tokens.length * this.vocabSize);
    for (const [i, token] of tokens.entries()) {
      this.#write(slot, past + i, token);
      logits.set(toyLogits(this.#slot(slot).slice(0, past + i + 1), this.vocabSize), i * this.vocabSize);
    }
    this.#isBusy = false;
    return logits;
  }

  #createKv(): KvStore {
    return {
      bytesPerPosition: BYTES_PER_POSITION,
      read: (slot, from, to) => {
        if (this.#isBusy || to > this.#slot(slot).length) throw new RangeError("read of positions that are not there");
        return new ToySegment(this.#slot(slot).slice(from, to));
      },
      write: (slot, at, segment, length) => {
        if (this.#isBusy || !(segment instanceof ToySegment) || length > segment.length)
          throw new RangeError("bad write");
        for (const [i, token] of segment.tokens.slice(0, length).entries()) this.#write(slot, at + i, token);
      },
      join: (parts) =>
        new ToySegment(
          parts.flatMap(({ segment, length }) => {
            if (!(segment instanceof ToySegment)) throw new TypeError("a segment of another cache");
            return segment.tokens.slice(0, length);
          }),
        ),
      fromData: (length, data) => {
        const tokens = [...new Int32Array(data.slice().buffer)];
        if (tokens.length !== length) throw new RangeError("bad data");
        return new ToySegment(tokens);
      },
      trim: (lengths) => {
        if (this.#isBusy) throw new Error("trim during a call");
        for (const [slot, length] of lengths.entries()) this.#cache[slot] = this.#slot(slot).slice(0, length);
      },
    };
  }

  async dispose(): Promise<void> {
    this.isDisposed = true;
  }

  async #enter(call: { kind: "prefill" | "decode" | "verify"; slots: number[] }): Promise<void> {
    if (this.#isBusy) throw new Error("calls overlap");
    this.#isBusy = true;
    this.#logits.fill(Number.NaN);
    try {
      await this.#onCall?.(call);
    } catch (error) {
      this.#isBusy = false;
      for (const slot of call.slots) this.#cache[slot] = [];
      throw error;
    }
  }

  #slot(slot: number): number[] {
    const tokens = this.#cache[slot];
    if (tokens === undefined) throw new RangeError(`no slot ${slot}`);
    return tokens;
  }

  #write(slot: number, position: number, token: number): void {
    const tokens = this.#slot(slot);
    if (position >= this.contextLength) throw new RangeError("beyond the context");
    if (position > tokens.length) throw new RangeError("a gap in the cache");
    tokens[position] = token;
  }

  #fill(row: number, slot: number, length: number): void {
    const logits = toyLogits(this.#slot(slot).slice(0, length), this.vocabSize);
    this.#logits.set(logits, row * this.vocabSize);
  }
}

export const BYTES_PER_POSITION = 4;

class ToySegment implements KvSegment {
  readonly tokens: readonly number[];

  constructor(tokens: readonly number[]) {
    this.tokens = tokens;
  }

  get length(): number {
    return this.tokens.length;
  }

  get bytes(): number {
    return this.tokens.length * BYTES_PER_POSITION;
  }

  get data(): Uint8Array {
    return new Uint8Array(Int32Array.from(this.tokens).buffer);
  }

  slice(from: number, to: number): ToySegment {
    return new ToySegment(this.tokens.slice(from, to));
  }
}

/** Logits after `tokens`: FNV-1a of the history, spread over the vocabulary. */
export function toyLogits(tokens: readonly number[], vocabSize: number): Float32Array {
  let hash = 0x811c9dc5;
  for (const token of tokens) hash = Math.imul(hash ^ (token + 1), 0x01000193);
  return Float32Array.from({ length: vocabSize }, (_, id) => {
    let mixed = Math.imul(hash ^ (id * 0x9e3779b1), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 8) / 2 ** 22;
  });
}
