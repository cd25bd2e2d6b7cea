import type { Embedder } from "../../engine/embedder.ts";
import { type Session, Tensor, type Tensors } from "../../runtime/session.ts";
import { ENCODER_VALUES as NAMES } from "./encoder.ts";
import type { EncoderConfig } from "./encoder-config.ts";
import { type Pooling, pool } from "./pooling.ts";
import { relativeBuckets } from "./relative-buckets.ts";

/** A session of an encoder: the only place that knows how the graph's inputs are laid out. */
export class EncoderEmbedder implements Embedder {
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly batches = true;
  readonly #session: Session;
  readonly #config: EncoderConfig;
  readonly #pooling: Pooling;
  #states = new Float32Array(0);

  constructor(session: Session, config: EncoderConfig, options: { maxTokens: number; pooling: Pooling }) {
    this.#session = session;
    this.#config = config;
    this.#pooling = options.pooling;
    this.dimensions = config.hiddenSize;
    this.maxTokens = options.maxTokens;
  }

  async embed(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const lengths = texts.map((tokens) => tokens.length);
    const length = Math.max(...lengths);
    if (length > this.maxTokens)
      throw new RangeError(`${length} tokens are more than the ${this.maxTokens} of this model.`);
    const { tokens, mask } = padded(texts, length);
    const { hiddenSize: size, firstPosition, kind } = this.#config;
    const positions = Int32Array.from({ length }, (_, i) => firstPosition + i);
    const elements = texts.length * length * size;
    if (this.#states.length < elements) this.#states = new Float32Array(elements);
    const values = this.#states.subarray(0, elements);
    const feeds: Tensors = {
      [NAMES.tokens]: new Tensor("int32", tokens, [texts.length, length]),
      [NAMES.mask]: new Tensor("int32", mask, [texts.length, length]),
      [NAMES.positions]: new Tensor("int32", positions, [length]),
    };
    if (kind.hasRelativeBias) {
      const buckets = relativeBuckets(length, this.#config.relativeBuckets);
      feeds[NAMES.buckets] = new Tensor("int32", buckets, [length, length]);
    }
    const hidden = new Tensor("float32", values, [texts.length, length, size]);
    await this.#session.run(feeds, { [NAMES.hidden]: hidden });
    return pool({ values, length, size }, lengths, this.#pooling);
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}

/** Texts as rows of `length` tokens, and where the tokens are; what follows a text is token 0, which the mask hides. */
export function padded(
  texts: readonly (readonly number[])[],
  length: number,
): { tokens: Int32Array; mask: Int32Array } {
  const tokens = new Int32Array(texts.length * length);
  const mask = new Int32Array(texts.length * length);
  for (const [row, text] of texts.entries()) {
    tokens.set(text, row * length);
    mask.fill(1, row * length, row * length + text.length);
  }
  return { tokens, mask };
}
