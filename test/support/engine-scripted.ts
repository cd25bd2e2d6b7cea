import type { Decoder } from "../../node-agent/engine/decoder.ts";

/** A decoder that says what it is told to: `next` gives the likeliest token after those of the answer so far. One request at a time, without drafts. */
export class ScriptedDecoder implements Decoder {
  readonly slots = 1;
  readonly contextLength = 2048;
  readonly vocabSize: number;
  readonly #next: (answer: readonly number[]) => number;
  #answer: number[] = [];

  constructor(vocabSize: number, next: (answer: readonly number[]) => number) {
    this.vocabSize = vocabSize;
    this.#next = next;
  }

  async prefill(): Promise<Float32Array> {
    this.#answer = [];
    return this.#logits();
  }

  async decode(tokens: readonly number[]): Promise<Float32Array> {
    this.#answer.push(...tokens);
    return this.#logits();
  }

  async evaluate(): Promise<Float32Array> {
    throw new Error("nothing is guessed ahead");
  }

  copySlot(): void {
    throw new Error("there is one slot");
  }

  async dispose(): Promise<void> {
    // It holds nothing.
  }

  #logits(): Float32Array {
    const logits = new Float32Array(this.vocabSize);
    logits[this.#next(this.#answer)] = 10;
    return logits;
  }
}
