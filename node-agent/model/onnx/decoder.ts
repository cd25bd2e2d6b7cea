import type { Decoder, KvStore } from "../../engine/decoder.ts";
import { checkPositions, checkSlot, checkStep, checkTokens } from "../decoder-checks.ts";
import type { CacheRunner, RunnerShape } from "./cache-runner.ts";

/** Most graphs give logits for every position: of so many at a time they are held, 80 MB with a vocabulary of 150,000. */
const CHUNK_TOKENS = 128;

/** A ready-made graph as a decoder. */
export class OnnxDecoder implements Decoder {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly slots: number;
  readonly kv?: KvStore;
  readonly #runner: CacheRunner;
  readonly #batched: boolean;
  readonly #logits: Float32Array;

  constructor(runner: CacheRunner, { signature, slots, contextLength }: RunnerShape) {
    this.#runner = runner;
    if (runner.kv) this.kv = runner.kv;
    this.#batched = signature.attention === "batched";
    this.vocabSize = signature.vocabSize;
    this.contextLength = contextLength;
    this.slots = slots;
    this.#logits = new Float32Array(slots * this.vocabSize);
  }

  async prefill(slot: number, tokens: readonly number[], past: number): Promise<Float32Array> {
    const logits = this.#logits.subarray(0, this.vocabSize);
    await this.#runChunks(slot, tokens, past, 1, (last) => logits.set(last.subarray(last.length - this.vocabSize)));
    return logits;
  }

  async evaluate(slot: number, tokens: readonly number[], past = 0): Promise<Float32Array> {
    const all = new Float32Array(tokens.length * this.vocabSize);
    await this.#runChunks(slot, tokens, past, CHUNK_TOKENS, (logits, at) => all.set(logits, at * this.vocabSize));
    return all;
  }

  async decode(tokens: readonly number[], pasts: readonly number[]): Promise<Float32Array> {
    checkStep(this, tokens, pasts);
    if (this.#batched) return await this.#runner.run(0, { tokens: tokens.map((token) => [token]), pasts }, 1);
    for (const [slot, token] of tokens.entries()) {
      const row = { tokens: [[token]], pasts: [pasts[slot] ?? 0] };
      this.#logits.set(await this.#runner.run(slot, row, 1), slot * this.vocabSize);
    }
    return this.#logits.subarray(0, tokens.length * this.vocabSize);
  }

  copySlot(from: number, to: number, length: number): void {
    checkSlot(this, from);
    checkSlot(this, to);
    checkPositions(this, 0, length);
    this.#runner.copy(from, to, length);
  }

  async dispose(): Promise<void> {
    await this.#runner.dispose();
  }

  /** `onLogits` gets those of each chunk, and which token of the whole is its first. */
  async #runChunks(
    slot: number,
    tokens: readonly number[],
    past: number,
    wanted: number,
    onLogits: (logits: Float32Array, at: number) => void,
  ): Promise<void> {
    checkSlot(this, slot);
    checkTokens(this, tokens);
    checkPositions(this, past, tokens.length);
    for (let at = 0; at < tokens.length; at += CHUNK_TOKENS) {
      const chunk = tokens.slice(at, at + CHUNK_TOKENS);
      onLogits(
        await this.#runner.run(slot, { tokens: [chunk], pasts: [past + at] }, Math.min(wanted, chunk.length)),
        at,
      );
    }
  }
}
