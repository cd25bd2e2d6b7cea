import type { Embedder } from "../../engine/embedder.ts";
import { type Session, Tensor, type Tensors } from "../../runtime/session.ts";
import type { ModelConfig } from "../config.ts";
import { GRAPH_VALUES as NAMES } from "../graph-values.ts";
import { KvCache } from "../kv-cache.ts";
import { type Pooling, pool } from "./pooling.ts";

/** A session of a decoder whose graph ends at the states. One text at a time: the cache's kernel takes no padding. */
export class DecoderEmbedder implements Embedder {
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly batches = false;
  readonly #session: Session;
  readonly #pooling: Pooling;
  readonly #pasts: Tensors = {};
  readonly #presents: Tensors = {};

  constructor(session: Session, config: ModelConfig, options: { maxTokens: number; pooling: Pooling }) {
    this.#session = session;
    this.#pooling = options.pooling;
    this.dimensions = config.hiddenSize;
    this.maxTokens = options.maxTokens;
    const { layers, kvHeads, headDim } = config;
    const cache = new KvCache(
      { layers, kvHeads, headDim, slots: 1, contextLength: options.maxTokens },
      () => undefined,
    );
    const { keys, values } = cache.tensors(0, 1);
    // What a text leaves in the cache the next one overwrites: the same tensors serve as past and as present.
    for (const [layer, key] of keys.entries()) {
      this.#pasts[NAMES.pastKey(layer)] = this.#presents[NAMES.presentKey(layer)] = key;
    }
    for (const [layer, value] of values.entries()) {
      this.#pasts[NAMES.pastValue(layer)] = this.#presents[NAMES.presentValue(layer)] = value;
    }
  }

  async embed(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    for (const tokens of texts) vectors.push(await this.#embedOne(tokens));
    return vectors;
  }

  async #embedOne(tokens: readonly number[]): Promise<Float32Array> {
    const length = tokens.length;
    if (length > this.maxTokens)
      throw new RangeError(`${length} tokens are more than the ${this.maxTokens} of this model.`);
    const size = this.dimensions;
    const wanted = this.#pooling === "last" ? Int32Array.of(length - 1) : Int32Array.from(tokens.keys());
    const values = new Float32Array(wanted.length * size);
    await this.#session.run(
      {
        ...this.#pasts,
        [NAMES.tokens]: new Tensor("int32", Int32Array.from(tokens), [1, length]),
        [NAMES.wanted]: new Tensor("int32", wanted, [wanted.length]),
        [NAMES.lastPositions]: new Tensor("int32", Int32Array.of(length - 1), [1]),
        [NAMES.totalLength]: new Tensor("int32", Int32Array.of(length), [1]),
      },
      { ...this.#presents, [NAMES.states]: new Tensor("float32", values, [wanted.length, size]) },
    );
    const [vector] = pool({ values, length: wanted.length, size }, [wanted.length], this.#pooling);
    return vector ?? new Float32Array(size);
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}
