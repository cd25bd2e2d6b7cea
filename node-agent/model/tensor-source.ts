import type { Int4Rows } from "./quantize.ts";

/** A tensor as a model file lists it. */
export interface TensorEntry {
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
}

/** Matrices that a file holds in 4 bits in a way that MatMulNBits takes, so that they need not be rounded once more. */
export interface Int4Source {
  /** Weights per scale; they divide every row. */
  readonly block: number;
  has(name: string): boolean;
  /** Rows [row, row + rows). Throws PorchlightError `model_load_failed`. */
  read(name: string, row: number, rows: number): Promise<Int4Rows>;
}

/** Named weights that are read a piece at a time, so that a model larger than memory can be converted. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Elements [start, start + count) of a tensor, row-major, as float32. Throws PorchlightError `model_load_failed`. */
  read(name: string, start: number, count: number): Promise<Float32Array>;
  readonly int4?: Int4Source;
  close(): Promise<void>;
}
