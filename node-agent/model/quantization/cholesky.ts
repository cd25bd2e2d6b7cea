import type { Multiply } from "../../runtime/matrix-product.ts";

/** Columns that are factored at a time; the rest is products of matrices. */
const PANEL = 64;

/**
 * The Cholesky factor of a symmetric positive definite matrix [size, size], row-major, in its place: lower triangular L with L Lᵀ = A;
 * what is above the diagonal is left undefined. Left-looking and blocked. Throws RangeError for a matrix that is not positive definite.
 */
export async function choleskyInPlace(matrix: Float32Array, size: number, multiply: Multiply): Promise<void> {
  for (let first = 0; first < size; first += PANEL) {
    const width = Math.min(PANEL, size - first);
    if (first > 0) await subtractEarlier(matrix, size, first, width, multiply);
    factorPanel(matrix, size, first, width);
  }
}

/** Panel -= L[first.., ..first] L[first..first + width, ..first]ᵀ. */
async function subtractEarlier(matrix: Float32Array, size: number, first: number, width: number, multiply: Multiply) {
  const left = subMatrix(matrix, size, { row: first, rows: size - first, column: 0, columns: first });
  const top = transposed(left.subarray(0, width * first), width, first);
  const product = await multiply(left, top, size - first, first, width);
  for (let row = first; row < size; row++) {
    for (let i = 0; i < width; i++) {
      matrix[row * size + first + i] =
        (matrix[row * size + first + i] ?? 0) - (product[(row - first) * width + i] ?? 0);
    }
  }
}

/** Column by column, in double precision within the panel. */
function factorPanel(matrix: Float32Array, size: number, first: number, width: number): void {
  const pivotRow = new Float64Array(width);
  for (let i = 0; i < width; i++) {
    const pivot = (first + i) * size + first;
    for (let k = 0; k < i; k++) pivotRow[k] = matrix[pivot + k] ?? 0;
    let square = matrix[pivot + i] ?? 0;
    for (let k = 0; k < i; k++) square -= (pivotRow[k] ?? 0) ** 2;
    if (!(square > 0)) throw new RangeError("The matrix is not positive definite.");
    const root = Math.sqrt(square);
    matrix[pivot + i] = root;
    for (let row = first + i + 1; row < size; row++) {
      const at = row * size + first;
      let value = matrix[at + i] ?? 0;
      for (let k = 0; k < i; k++) value -= (matrix[at + k] ?? 0) * (pivotRow[k] ?? 0);
      matrix[at + i] = value / root;
    }
  }
}

interface Window {
  row: number;
  rows: number;
  column: number;
  columns: number;
}

/** A copy of a part of a square matrix. */
export function subMatrix(matrix: Float32Array, size: number, { row, rows, column, columns }: Window): Float32Array {
  const part = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const from = (row + i) * size + column;
    part.set(matrix.subarray(from, from + columns), i * columns);
  }
  return part;
}

/** [rows, columns] -> [columns, rows]. */
export function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = matrix[row * columns + column] ?? 0;
    }
  }
  return result;
}
