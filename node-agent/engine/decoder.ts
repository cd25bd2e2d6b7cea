import type { Quantization } from "../../shared/inference/model.ts";
import type { ProviderName } from "../runtime/providers.ts";

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
   * Lengths of a sequence at which its keys have to be computed anew, the last being the longest there can be; absent where there are none
   * on the way. Stage i is for sequences of at most `stages[i]` tokens, and all keys of one sequence are of one stage.
   */
  readonly stages?: readonly number[];
  /**
   * Runs `tokens` (at least one) at positions [past, past + tokens.length) of `slot`, over the `past` positions already there.
   * Returns the logits after the last token, [vocabSize]; the chunks of one prompt may come in several calls. `stage` is 0 if absent.
   */
  prefill(slot: number, tokens: readonly number[], past: number, stage?: number): Promise<Float32Array>;
  /**
   * One step for slots [0, tokens.length): `tokens[i]` at position `pasts[i]` of slot i, which is of stage `stages[i]`.
   * Returns logits, row-major [tokens.length, vocabSize].
   */
  decode(tokens: readonly number[], pasts: readonly number[], stages?: readonly number[]): Promise<Float32Array>;
  /** Copies the first `length` positions of the cache from one slot to another. */
  copySlot(from: number, to: number, length: number): void;
  /** Like `prefill`, but returns the logits after every token, [tokens.length, vocabSize]. `past` is 0 if absent. */
  evaluate(slot: number, tokens: readonly number[], past?: number, stage?: number): Promise<Float32Array>;
  /** Absent where the cache cannot be taken apart: then a prefix is reused only in the slot that holds it. */
  readonly kv?: KvStore;
  dispose(): Promise<void>;
}

/** Takes keys and values out of the cache of a decoder and puts them back. Not during a call. */
export interface KvStore {
  /** Memory that one position of one slot takes. */
  readonly bytesPerPosition: number;
  /** A copy of positions [from, to) of a slot. */
  read(slot: number, from: number, to: number): KvSegment;
  /** Writes a segment's first `length` positions to [at, at + length) of a slot. */
  write(slot: number, at: number, segment: KvSegment, length: number): void;
  /** One segment of the first `length` positions of each of several, in order. */
  join(parts: readonly { segment: KvSegment; length: number }[]): KvSegment;
  /** A segment of data that one of the same length gave. Throws RangeError if it has another size. */
  fromData(length: number, data: Uint8Array): KvSegment;
  /** Gives memory back: of slot i, only positions [0, lengths[i]) are kept. */
  trim(lengths: readonly number[]): void;
}

/** Keys and values of consecutive positions, outside of any slot. */
export interface KvSegment {
  /** Positions. */
  readonly length: number;
  readonly bytes: number;
  /** The raw keys and values, to be kept elsewhere. */
  readonly data: Uint8Array;
  /** A copy of positions [from, to). */
  slice(from: number, to: number): KvSegment;
}

export interface DecoderOptions {
  /** A model folder in the Hugging Face layout. */
  folder: string;
  quantization: Quantization;
  /** Where compiled graphs are kept; keyed by model, CPU and version. */
  cacheDir: string;
  /** Sequences that can be decoded in one step. */
  slots: number;
  /** Positions per slot; at most, and by default, what the model can take. */
  contextLength?: number;
  /** Whether the caller heeds `stages`; if not, the context ends where a second one would begin. */
  heedsStages?: boolean;
  /** Intra-op threads; by default the physical cores. */
  threads?: number;
  /** Where the model runs; by default on the CPU. */
  provider?: ProviderName;
  /** That provider cannot run the model here; the CPU goes on instead. */
  onFallback?: (wanted: ProviderName, reason: string) => void;
  onProgress?: (stage: "reading" | "quantizing" | "compiling" | "loading", fraction: number) => void;
}
