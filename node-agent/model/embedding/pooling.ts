import { normalize } from "../../engine/unit-vector.ts";

/** How the states of a text's tokens become one vector. */
export type Pooling = "mean" | "cls" | "last" | "max";

/** States of the last layer, row-major [texts, length, size]; a text's tokens are the first of its row. */
export interface HiddenStates {
  values: Float32Array;
  length: number;
  size: number;
}

/** One vector of length 1 for each text. @param lengths tokens of each, at least one */
export function pool(states: HiddenStates, lengths: readonly number[], pooling: Pooling): Float32Array[] {
  const { values, length, size } = states;
  return lengths.map((count, text) => {
    const rows = values.subarray(text * length * size, (text * length + count) * size);
    return normalize(POOLS[pooling](rows, size));
  });
}

const POOLS: Record<Pooling, (rows: Float32Array, size: number) => Float32Array> = {
  // The sum points where the mean does, and only the direction stays.
  mean: (rows, size) => fold(rows, size, (sum, value) => sum + value),
  max: (rows, size) => fold(rows, size, Math.max),
  cls: (rows, size) => rows.slice(0, size),
  last: (rows, size) => rows.slice(-size),
};

function fold(rows: Float32Array, size: number, combine: (a: number, b: number) => number): Float32Array {
  const result = rows.slice(0, size);
  for (let i = size; i < rows.length; i++) {
    const column = i % size;
    result[column] = combine(result[column] ?? 0, rows[i] ?? 0);
  }
  return result;
}
