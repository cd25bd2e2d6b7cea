import type { Quantization } from "../../shared/inference/model.ts";

/** A tensor as a model file lists it. */
export interface TensorEntry {
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
  /** How the file holds its elements, in the terms of safetensors where it has them. */
  readonly dtype?: string;
}

/** How a matrix is held in integers: weight = (level - zero) x scale, with one scale for each `block` neighbours of a row. */
export interface IntFormat {
  /** The zero is the middle of the unsigned range: 8 or 128. */
  readonly bits: 4 | 8;
  /** Divides the row; the whole row where it has one scale. */
  readonly block: number;
}

/** Rows of such a matrix. */
export interface IntRows {
  /** Row-major, unsigned: a byte each in 8 bits; in 4 bits two a byte, the earlier in the low half. */
  levels: Uint8Array;
  /** [rows, blocks]. */
  scales: Float32Array;
}

/** Matrices that a file holds in integers, so that they need not be rounded once more. */
export interface IntTensors {
  /** Undefined for a tensor of real numbers. */
  formatOf(name: string): IntFormat | undefined;
  /** Rows [row, row + rows). Throws PorchlightError `model_load_failed`. */
  read(name: string, row: number, rows: number): Promise<IntRows>;
}

/** Named weights that are read a piece at a time, so that a model larger than memory can be converted. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Elements [start, start + count) of a tensor, row-major, as float32. Throws PorchlightError `model_load_failed`. */
  read(name: string, start: number, count: number): Promise<Float32Array>;
  readonly ints?: IntTensors;
  /** Set where someone chose a precision for each tensor of the file: that of most weights. It then runs as it is. */
  readonly quantization?: Quantization;
  close(): Promise<void>;
}
