import type { KvStore } from "../../engine/decoder.ts";
import type { ReturningSession, Session, Tensor, Tensors } from "../../runtime/session.ts";
import { KvCache } from "../kv-cache.ts";
import { floatsOf, floatTensor, type Rows, rowFeeds } from "./feeds.ts";
import { layerName, type OnnxNames } from "./files.ts";
import type { DecoderSignature } from "./signature.ts";

/** Runs a decoder's graph over slots of a cache. */
export interface CacheRunner {
  /**
   * Computes rows for slots [first, first + rows). Returns the logits of each row's last `wanted` positions or of all of them,
   * [rows, positions, vocabulary]; the next run overwrites them.
   */
  run(first: number, rows: Rows, wanted: number): Promise<Float32Array>;
  copy(from: number, to: number, length: number): void;
  readonly kv?: KvStore;
  dispose(): Promise<void>;
}

export interface RunnerShape {
  signature: DecoderSignature;
  names: OnnxNames;
  slots: number;
  contextLength: number;
}

/** Names of past and present, in one order: keys and values of layer 0, then of layer 1, and so on. */
function cacheNames({ signature: { layers }, names }: RunnerShape): { past: string; present: string }[] {
  return Array.from({ length: layers }, (_, layer) => [
    { past: layerName(names.pastKey, layer), present: layerName(names.presentKey, layer) },
    { past: layerName(names.pastValue, layer), present: layerName(names.presentValue, layer) },
  ]).flat();
}

/** A graph of GroupQueryAttention: the same buffers are past and present, and nothing is copied. */
export class InPlaceRunner implements CacheRunner {
  readonly #session: Session;
  readonly #shape: RunnerShape;
  readonly #cache: KvCache;
  #logits = new Float32Array(0);

  constructor(session: Session, shape: RunnerShape) {
    this.#session = session;
    this.#shape = shape;
    const { slots, contextLength, signature } = shape;
    const { layers, kvHeads, headDim, cacheType } = signature;
    // Tensors over the cache are made for each run: there is nothing to make anew when its buffers move.
    this.#cache = new KvCache({ layers, kvHeads, headDim, slots, contextLength, type: cacheType }, () => undefined);
  }

  get kv(): KvStore {
    return this.#cache;
  }

  async run(first: number, rows: Rows, wanted: number): Promise<Float32Array> {
    const { signature, names } = this.#shape;
    const { keys, values } = this.#cache.tensors(first, rows.tokens.length);
    const feeds = rowFeeds(signature, names, rows, wanted);
    const fetches: Tensors = {};
    for (const [i, { past, present }] of cacheNames(this.#shape).entries()) {
      const tensor = (i % 2 === 0 ? keys : values)[i >> 1];
      if (tensor === undefined) throw new Error(`The cache has no ${past}.`);
      feeds[past] = fetches[present] = tensor;
    }
    const given = signature.keepsLogits ? wanted : (rows.tokens[0]?.length ?? 0);
    const dims = [rows.tokens.length, given, signature.vocabSize];
    const elements = rows.tokens.length * given * signature.vocabSize;
    if (this.#logits.length < elements) this.#logits = new Float32Array(elements);
    const logits = floatTensor(signature.logitsType, this.#logits, dims);
    await this.#session.run(feeds, { ...fetches, [names.logits]: logits });
    return floatsOf(logits);
  }

  copy(from: number, to: number, length: number): void {
    this.#cache.copy(from, to, length);
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }
}

/** What a slot holds: tensors [1, heads, length, head size] in the order of `cacheNames`. */
interface Held {
  length: number;
  tensors: readonly Tensor[];
}

/** Any other graph: each run takes the past and returns past and present together. One row a run. */
export class CopyingRunner implements CacheRunner {
  readonly #session: ReturningSession;
  readonly #shape: RunnerShape;
  readonly #held: Held[];

  constructor(session: ReturningSession, shape: RunnerShape) {
    this.#session = session;
    this.#shape = shape;
    const { cacheType, kvHeads, headDim } = shape.signature;
    const empty = floatTensor(cacheType, new Float32Array(0), [1, kvHeads, 0, headDim]);
    const tensors = cacheNames(shape).map(() => empty);
    this.#held = Array.from({ length: shape.slots }, () => ({ length: 0, tensors }));
  }

  async run(slot: number, rows: Rows, wanted: number): Promise<Float32Array> {
    const { signature, names } = this.#shape;
    const [past = 0] = rows.pasts;
    const before = this.#cut(slot, past);
    const caches = cacheNames(this.#shape);
    const feeds = rowFeeds(signature, names, rows, wanted);
    for (const [i, tensor] of before.tensors.entries()) feeds[caches[i]?.past ?? ""] = tensor;
    const results = await this.#session.run(feeds, [names.logits, ...caches.map(({ present }) => present)]);
    const length = past + (rows.tokens[0]?.length ?? 0);
    this.#held[slot] = { length, tensors: caches.map(({ present }) => take(results, present, 2, length)) };
    const given = signature.keepsLogits ? wanted : (rows.tokens[0]?.length ?? 0);
    return floatsOf(take(results, names.logits, 1, given));
  }

  copy(from: number, to: number, length: number): void {
    // Tensors are never written to: slots can share them.
    this.#held[to] = this.#cut(from, length);
  }

  async dispose(): Promise<void> {
    await this.#session.dispose();
  }

  #cut(slot: number, length: number): Held {
    const held = this.#held[slot];
    if (held === undefined || held.length < length) {
      throw new RangeError(`Slot ${slot} holds ${held?.length ?? 0} positions, not ${length}.`);
    }
    if (held.length === length) return held;
    return { length, tensors: held.tensors.map((tensor) => cutPositions(tensor, length)) };
  }
}

/** A result, whose size is checked: its buffer is read by that. */
function take(results: Tensors, name: string, axis: number, size: number): Tensor {
  const tensor = results[name];
  if (tensor?.dims[axis] !== size) {
    throw new Error(`The graph gave ${name} as [${tensor?.dims.join(", ")}], not with ${size} positions.`);
  }
  return tensor;
}

/** The first positions of a tensor [1, heads, positions, head size]. */
function cutPositions(tensor: Tensor, length: number): Tensor {
  const { data, dims, type } = tensor;
  const [, heads = 0, positions = 0, size = 0] = dims;
  if (!ArrayBuffer.isView(data) || (type !== "float32" && type !== "float16")) {
    throw new TypeError(`A cache of ${type} cannot be cut.`);
  }
  const bytesPerPosition = size * (type === "float32" ? 4 : 2);
  const all = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const kept = new Float32Array(Math.ceil((heads * length * bytesPerPosition) / 4));
  const bytes = new Uint8Array(kept.buffer);
  for (let head = 0; head < heads; head++) {
    const start = head * positions * bytesPerPosition;
    bytes.set(all.subarray(start, start + length * bytesPerPosition), head * length * bytesPerPosition);
  }
  return floatTensor(type, kept, [1, heads, length, size]);
}
