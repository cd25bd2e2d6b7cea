import type { Quantization } from "../../shared/inference/model.ts";

/**
 * One loaded model on one device: all that the engine knows of it. Token ids in, logits out.
 *
 * The KV cache has `slots` rows of `contextLength` positions each. Calls do not overlap: await one before the next.
 * Returned logits are views of a buffer that the next call overwrites. The computation occupies the thread: other events wait
 * until the step is done, so long prompts are given in chunks.
 */
export interface Decoder {
  readonly vocabSize: number;
  /** Positions per slot. */
  readonly contextLength: number;
  readonly slots: number;
  /**
   * Runs `tokens` (at least one) at positions [past, past + tokens.length) of `slot`, over the `past` positions already there.
   * Returns the logits after the last token, [vocabSize]; the chunks of one prompt may come in several calls.
   */
  prefill(slot: number, tokens: readonly number[], past: number): Promise<Float32Array>;
  /**
   * One step for slots [0, tokens.length): `tokens[i]` at position `pasts[i]` of slot i.
   * Returns logits, row-major [tokens.length, vocabSize].
   */
  decode(tokens: readonly number[], pasts: readonly number[]): Promise<Float32Array>;
  /** Copies the first `length` positions of the cache from one slot to another. */
  copySlot(from: number, to: number, length: number): void;
  /** Like `prefill` from position 0, but returns the logits after every token, [tokens.length, vocabSize]: for evaluation. */
  evaluate(slot: number, tokens: readonly number[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface DecoderOptions {
  /** A model folder in the Hugging Face layout. */
  folder: string;
  quantization: Quantization;
  /** Where compiled graphs are kept; keyed by model, CPU and version. */
  cacheDir: string;
  /** Sequences that can be decoded in one step. */
  slots: number;
  /** Positions per slot; at most, and by default, what the model was trained for. */
  contextLength?: number;
  /** Intra-op threads; by default the physical cores. */
  threads?: number;
  onProgress?: (stage: "reading" | "quantizing" | "compiling" | "loading", fraction: number) => void;
}
