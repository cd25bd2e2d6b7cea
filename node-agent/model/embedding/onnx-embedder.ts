import type { Embedder } from "../../engine/embedder.ts";
import { normalize } from "../../engine/unit-vector.ts";
import type { PlainSession } from "../../runtime/plain-session.ts";
import { Tensor, type Tensors } from "../../runtime/session.ts";
import { modelError } from "../model-error.ts";
import { padded } from "./encoder-embedder.ts";
import type { OnnxEmbedding } from "./onnx-files.ts";
import { type Pooling, pool } from "./pooling.ts";

/** A session of a graph for embeddings that somebody else made. */
export class OnnxEmbedder implements Embedder {
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly batches: boolean;
  readonly #session: PlainSession;
  readonly #graph: OnnxEmbedding;
  readonly #pooling: Pooling;

  constructor(session: PlainSession, graph: OnnxEmbedding, options: { maxTokens: number; pooling: Pooling }) {
    this.#session = session;
    this.#graph = graph;
    this.#pooling = options.pooling;
    this.dimensions = graph.size;
    this.maxTokens = options.maxTokens;
    // A graph that takes no mask would look at the padding.
    this.batches = graph.inputs.has("attention_mask");
  }

  async embed(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const lengths = texts.map((tokens) => tokens.length);
    const length = Math.max(...lengths);
    if (length > this.maxTokens)
      throw new RangeError(`${length} tokens are more than the ${this.maxTokens} of this model.`);
    const { inputs, output, isPooled, size } = this.#graph;
    const { tokens, mask } = padded(texts, length);
    const values = {
      input_ids: tokens,
      attention_mask: mask,
      token_type_ids: new Int32Array(tokens.length),
      position_ids: Int32Array.from(tokens, (_, i) => i % length),
    };
    const feeds: Tensors = {};
    for (const [name, type] of inputs) {
      const data = values[name];
      feeds[name] = new Tensor(type, type === "int64" ? BigInt64Array.from(data, BigInt) : data, [
        texts.length,
        length,
      ]);
    }
    const result = (await this.#session.run(feeds, [output])).get(output);
    const expected = texts.length * (isPooled ? 1 : length) * size;
    if (!(result?.data instanceof Float32Array) || result.data.length !== expected) {
      throw modelError(
        `The model's output ${output} is [${result?.dims.join(", ")}] for ${texts.length} texts of ${length} tokens.`,
      );
    }
    const { data } = result;
    if (!isPooled) return pool({ values: data, length, size }, lengths, this.#pooling);
    return texts.map((_, i) => normalize(data.slice(i * size, (i + 1) * size)));
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}
