import type { Decoder, KvStore } from "../engine/decoder.ts";
import { type Session, Tensor, type Tensors } from "../runtime/session.ts";
import { checkPositions, checkSlot, checkStep, checkTokens } from "./decoder-checks.ts";
import type { ModelConfig } from "./config.ts";
import { KvCache } from "./kv-cache.ts";
import { GRAPH_VALUES as NAMES } from "./graph-values.ts";
import { ropeStages } from "./rope.ts";

/** A step's inputs and outputs, made once per batch size and filled anew for each step. */
interface Step {
  tokens: Int32Array;
  lastPositions: Int32Array;
  totalLength: Int32Array;
  tableRows: BigInt64Array;
  logits: Float32Array;
  feeds: Tensors;
  fetches: Tensors;
}

/** A session of a transformer with its KV cache: the only place that knows how the graph's inputs are laid out. */
export class TransformerDecoder implements Decoder {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly slots: number;
  readonly stages: readonly number[];
  readonly #session: Session;
  readonly #layers: number;
  readonly #cache: KvCache;
  readonly #logits: Float32Array;
  /** Cache feeds and fetches over one slot, for prefill. */
  #slotTensors: { feeds: Tensors; fetches: Tensors }[] = [];
  /** Whole steps over slots [0, n), by n - 1. */
  #steps: Step[] = [];
  #evaluation = new Float32Array(0);

  constructor(session: Session, config: ModelConfig, options: { slots: number; contextLength: number }) {
    this.#session = session;
    this.#layers = config.layers;
    this.vocabSize = config.vocabSize;
    this.contextLength = options.contextLength;
    this.slots = options.slots;
    this.stages = ropeStages(config);
    const { layers, kvHeads, headDim } = config;
    this.#cache = new KvCache({ layers, kvHeads, headDim, ...options }, () => this.#makeTensors());
    this.#logits = new Float32Array(options.slots * config.vocabSize);
    this.#makeTensors();
  }

  get kv(): KvStore {
    return this.#cache;
  }

  async prefill(slot: number, tokens: readonly number[], past: number, stage = 0): Promise<Float32Array> {
    const logits = this.#logits.subarray(0, this.vocabSize);
    await this.#runSlot({ slot, tokens, past, stage }, Int32Array.of(tokens.length - 1), logits);
    return logits;
  }

  async evaluate(slot: number, tokens: readonly number[], past = 0, stage = 0): Promise<Float32Array> {
    const elements = tokens.length * this.vocabSize;
    if (this.#evaluation.length < elements) this.#evaluation = new Float32Array(elements);
    const logits = this.#evaluation.subarray(0, elements);
    await this.#runSlot({ slot, tokens, past, stage }, Int32Array.from(tokens.keys()), logits);
    return logits;
  }

  async decode(
    tokens: readonly number[],
    pasts: readonly number[],
    stages: readonly number[] = [],
  ): Promise<Float32Array> {
    checkStep(this, tokens, pasts);
    const step = this.#steps[tokens.length - 1];
    if (step === undefined) throw new Error(`There is no step for ${tokens.length} slots.`);
    step.tokens.set(tokens);
    step.lastPositions.set(pasts);
    step.totalLength[0] = Math.max(...pasts) + 1;
    for (const [row, past] of pasts.entries()) step.tableRows[row] = BigInt(this.#tableRow(stages[row] ?? 0, past, 1));
    await this.#session.run(step.feeds, step.fetches);
    return step.logits;
  }

  copySlot(from: number, to: number, length: number): void {
    checkSlot(this, from);
    checkSlot(this, to);
    checkPositions(this, 0, length);
    this.#cache.copy(from, to, length);
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }

  /** Row of position `past` in the tables, and of `count - 1` positions behind it. */
  #tableRow(stage: number, past: number, count: number): number {
    const contextLength = this.stages[stage];
    if (contextLength === undefined) throw new RangeError(`There is no stage ${stage}.`);
    checkPositions({ contextLength }, past, count);
    return this.stages.slice(0, stage).reduce((sum, end) => sum + end, past);
  }

  /** Runs tokens of one slot; `wanted` are the indices to give logits for, in rows of `logits`. */
  async #runSlot(
    { slot, tokens, past, stage }: { slot: number; tokens: readonly number[]; past: number; stage: number },
    wanted: Int32Array,
    logits: Float32Array,
  ): Promise<void> {
    checkSlot(this, slot);
    checkTokens(this, tokens);
    checkPositions(this, past, tokens.length);
    const row = this.#tableRow(stage, past, tokens.length);
    const total = past + tokens.length;
    const cache = this.#slotTensors[slot];
    const feeds: Tensors = {
      ...cache?.feeds,
      [NAMES.tokens]: new Tensor("int32", Int32Array.from(tokens), [1, tokens.length]),
      [NAMES.wanted]: new Tensor("int32", wanted, [wanted.length]),
      [NAMES.lastPositions]: new Tensor("int32", Int32Array.of(total - 1), [1]),
      [NAMES.totalLength]: new Tensor("int32", Int32Array.of(total), [1]),
      ...this.#rowsFeed(
        BigInt64Array.from(tokens, (_, i) => BigInt(row + i)),
        [1, tokens.length],
      ),
    };
    const fetches: Tensors = {
      ...cache?.fetches,
      [NAMES.logits]: new Tensor("float32", logits, [wanted.length, this.vocabSize]),
    };
    await this.#session.run(feeds, fetches);
  }

  /** Only a graph whose tables have several stages asks which rows to take. */
  #rowsFeed(rows: BigInt64Array, dims: readonly number[]): Tensors {
    return this.stages.length > 1 ? { [NAMES.tableRows]: new Tensor("int64", rows, dims) } : {};
  }

  #makeTensors(): void {
    this.#slotTensors = Array.from({ length: this.slots }, (_, slot) => this.#cacheTensors(slot, 1));
    this.#steps = Array.from({ length: this.slots }, (_, i) => this.#makeStep(i + 1));
  }

  #makeStep(batch: number): Step {
    const tokens = new Int32Array(batch);
    const lastPositions = new Int32Array(batch);
    const totalLength = new Int32Array(1);
    const tableRows = new BigInt64Array(batch);
    const logits = this.#logits.subarray(0, batch * this.vocabSize);
    const cache = this.#cacheTensors(0, batch);
    return {
      tokens,
      lastPositions,
      totalLength,
      tableRows,
      logits,
      feeds: {
        ...cache.feeds,
        [NAMES.tokens]: new Tensor("int32", tokens, [batch, 1]),
        [NAMES.wanted]: new Tensor(
          "int32",
          Int32Array.from({ length: batch }, (_, i) => i),
          [batch],
        ),
        [NAMES.lastPositions]: new Tensor("int32", lastPositions, [batch]),
        [NAMES.totalLength]: new Tensor("int32", totalLength, [1]),
        ...this.#rowsFeed(tableRows, [batch, 1]),
      },
      fetches: { ...cache.fetches, [NAMES.logits]: new Tensor("float32", logits, [batch, this.vocabSize]) },
    };
  }

  /** The same tensors under the names of the past and of the present: attention then appends to the cache in place. */
  #cacheTensors(first: number, count: number): { feeds: Tensors; fetches: Tensors } {
    const { keys, values } = this.#cache.tensors(first, count);
    const feeds: Tensors = {};
    const fetches: Tensors = {};
    for (let layer = 0; layer < this.#layers; layer++) {
      const key = keys[layer];
      const value = values[layer];
      if (key === undefined || value === undefined) throw new Error(`The cache has no layer ${layer}.`);
      feeds[NAMES.pastKey(layer)] = fetches[NAMES.presentKey(layer)] = key;
      feeds[NAMES.pastValue(layer)] = fetches[NAMES.presentValue(layer)] = value;
    }
    return { feeds, fetches };
  }
}
