import type { KvSegment, KvStore } from "../engine/decoder.ts";
import { halfTensor } from "../runtime/half-tensor.ts";
import { Tensor } from "../runtime/session.ts";

export interface KvShape {
  layers: number;
  slots: number;
  kvHeads: number;
  /** Positions per slot. */
  contextLength: number;
  headDim: number;
  /** float32 if absent. */
  type?: KvType;
}

/** Bits of float16 are only moved here, never looked at. */
const KV_ARRAYS = { float32: Float32Array, float16: Uint16Array } as const;
export type KvType = keyof typeof KV_ARRAYS;
type KvArray = InstanceType<(typeof KV_ARRAYS)[KvType]>;

/**
 * Keys and values of every slot: per layer one buffer of each, [slots, kvHeads, contextLength, headDim]. Attention
 * writes into them in place; the system gives memory only as positions are first written, a page at a time.
 */
export class KvCache implements KvStore {
  readonly bytesPerPosition: number;
  readonly #shape: KvShape;
  /** Keys and values of layer 0, then of layer 1, and so on. */
  #buffers: KvArray[];
  readonly #type: KvType;
  readonly #slotElements: number;
  readonly #onMoved: () => void;

  /** @param onMoved called when the buffers are others than before: tensors over them have to be made anew */
  constructor(shape: KvShape, onMoved: () => void) {
    const { layers, slots, kvHeads, contextLength, headDim } = shape;
    this.#shape = shape;
    this.#type = shape.type ?? "float32";
    this.#onMoved = onMoved;
    this.#slotElements = kvHeads * contextLength * headDim;
    const KvArray = KV_ARRAYS[this.#type];
    this.bytesPerPosition = layers * 2 * kvHeads * headDim * KvArray.BYTES_PER_ELEMENT;
    this.#buffers = Array.from({ length: layers * 2 }, () => new KvArray(slots * this.#slotElements));
  }

  /** Tensors [count, kvHeads, contextLength, headDim] over slots [first, first + count): views, nothing is copied. */
  tensors(first: number, count: number): { keys: Tensor[]; values: Tensor[] } {
    const { kvHeads, contextLength, headDim } = this.#shape;
    const views = this.#buffers.map((buffer) => {
      const view = buffer.subarray(first * this.#slotElements, (first + count) * this.#slotElements);
      const dims = [count, kvHeads, contextLength, headDim];
      return view instanceof Float32Array ? new Tensor("float32", view, dims) : halfTensor(view, dims);
    });
    return { keys: views.filter((_, i) => i % 2 === 0), values: views.filter((_, i) => i % 2 === 1) };
  }

  /** Copies positions [0, length) of one slot to another. */
  copy(from: number, to: number, length: number): void {
    const { headDim } = this.#shape;
    const [source, target] = [this.#planes(from), this.#planes(to)];
    for (const [i, plane] of source.entries()) target[i]?.set(plane.subarray(0, length * headDim));
  }

  read(slot: number, from: number, to: number): KvSegment {
    const { headDim } = this.#shape;
    const planes = this.#planes(slot);
    const segment = new PlaneSegment(this.#type, planes.length, to - from, headDim);
    for (const [i, plane] of planes.entries()) segment.plane(i).set(plane.subarray(from * headDim, to * headDim));
    return segment;
  }

  write(slot: number, at: number, segment: KvSegment, length: number): void {
    const source = ownSegment(segment);
    const { headDim } = this.#shape;
    for (const [i, plane] of this.#planes(slot).entries()) {
      plane.set(source.plane(i).subarray(0, length * headDim), at * headDim);
    }
  }

  join(parts: readonly { segment: KvSegment; length: number }[]): KvSegment {
    const { layers, kvHeads, headDim } = this.#shape;
    const total = parts.reduce((sum, { length }) => sum + length, 0);
    const joined = new PlaneSegment(this.#type, layers * 2 * kvHeads, total, headDim);
    let at = 0;
    for (const { segment, length } of parts) {
      joined.copyFrom(segment, 0, length, at);
      at += length;
    }
    return joined;
  }

  fromData(length: number, data: Uint8Array): KvSegment {
    const { layers, kvHeads, headDim } = this.#shape;
    const segment = new PlaneSegment(this.#type, layers * 2 * kvHeads, length, headDim);
    if (data.length !== segment.bytes) throw new RangeError("These keys and values have another size.");
    segment.data.set(data);
    return segment;
  }

  trim(lengths: readonly number[]): void {
    const { headDim } = this.#shape;
    // Buffer by buffer, so that no more than one is held twice.
    for (const [index, old] of this.#buffers.entries()) {
      const fresh = new KV_ARRAYS[this.#type](old.length);
      for (const [slot, length] of lengths.entries()) {
        for (const start of this.#headStarts(slot)) fresh.set(old.subarray(start, start + length * headDim), start);
      }
      this.#buffers[index] = fresh;
    }
    this.#onMoved();
  }

  /** The positions of each layer's key heads and value heads of a slot, [contextLength, headDim] each. */
  #planes(slot: number): KvArray[] {
    const elements = this.#shape.contextLength * this.#shape.headDim;
    const starts = this.#headStarts(slot);
    return this.#buffers.flatMap((buffer) => starts.map((start) => buffer.subarray(start, start + elements)));
  }

  #headStarts(slot: number): number[] {
    const { kvHeads, contextLength, headDim } = this.#shape;
    return Array.from({ length: kvHeads }, (_, head) => slot * this.#slotElements + head * contextLength * headDim);
  }
}

/** Positions of every plane of a slot (the heads of each layer's keys and values): [planes, length, headDim]. */
class PlaneSegment implements KvSegment {
  readonly length: number;
  readonly #type: KvType;
  readonly #planes: number;
  readonly #headDim: number;
  readonly #values: KvArray;

  constructor(type: KvType, planes: number, length: number, headDim: number) {
    this.length = length;
    this.#type = type;
    this.#planes = planes;
    this.#headDim = headDim;
    this.#values = new KV_ARRAYS[type](planes * length * headDim);
  }

  get bytes(): number {
    return this.#values.byteLength;
  }

  get data(): Uint8Array {
    return new Uint8Array(this.#values.buffer);
  }

  /** [length, headDim]: a view. */
  plane(index: number): KvArray {
    const elements = this.length * this.#headDim;
    return this.#values.subarray(index * elements, (index + 1) * elements);
  }

  slice(from: number, to: number): KvSegment {
    const part = new PlaneSegment(this.#type, this.#planes, to - from, this.#headDim);
    part.copyFrom(this, from, to, 0);
    return part;
  }

  /** Copies positions [from, to) of another segment to [at, ...). */
  copyFrom(other: KvSegment, from: number, to: number, at: number): void {
    const source = ownSegment(other);
    for (let i = 0; i < this.#planes; i++) {
      this.plane(i).set(source.plane(i).subarray(from * this.#headDim, to * this.#headDim), at * this.#headDim);
    }
  }
}

function ownSegment(segment: KvSegment): PlaneSegment {
  if (!(segment instanceof PlaneSegment)) throw new TypeError("The segment is of another cache.");
  return segment;
}
