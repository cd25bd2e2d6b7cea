import { Tensor } from "../runtime/session.ts";

export interface KvShape {
  layers: number;
  slots: number;
  kvHeads: number;
  /** Positions per slot. */
  contextLength: number;
  headDim: number;
}

/**
 * Keys and values of every slot: per layer one buffer of each, [slots, kvHeads, contextLength, headDim] float32. Attention
 * writes into them in place; memory is taken by the system only as positions are first written.
 */
export class KvCache {
  readonly #shape: KvShape;
  /** Keys and values of layer 0, then of layer 1, and so on. */
  readonly #buffers: Float32Array[];
  readonly #slotElements: number;

  constructor(shape: KvShape) {
    this.#shape = shape;
    this.#slotElements = shape.kvHeads * shape.contextLength * shape.headDim;
    this.#buffers = Array.from({ length: shape.layers * 2 }, () => new Float32Array(shape.slots * this.#slotElements));
  }

  /** Tensors [count, kvHeads, contextLength, headDim] over slots [first, first + count): views, nothing is copied. */
  tensors(first: number, count: number): { keys: Tensor[]; values: Tensor[] } {
    const { kvHeads, contextLength, headDim } = this.#shape;
    const views = this.#buffers.map((buffer) => {
      const view = buffer.subarray(first * this.#slotElements, (first + count) * this.#slotElements);
      return new Tensor("float32", view, [count, kvHeads, contextLength, headDim]);
    });
    return { keys: views.filter((_, i) => i % 2 === 0), values: views.filter((_, i) => i % 2 === 1) };
  }

  /** Copies positions [0, length) of one slot to another. */
  copy(from: number, to: number, length: number): void {
    const { kvHeads, contextLength, headDim } = this.#shape;
    const headElements = contextLength * headDim;
    for (const buffer of this.#buffers) {
      for (let head = 0; head < kvHeads; head++) {
        const start = from * this.#slotElements + head * headElements;
        buffer.copyWithin(to * this.#slotElements + head * headElements, start, start + length * headDim);
      }
    }
  }
}
