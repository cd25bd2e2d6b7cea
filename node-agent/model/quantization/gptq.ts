import type { Multiply } from "../../runtime/matrix-product.ts";
import { transposeInto } from "../quantize.ts";
import type { IntFormat, IntRows } from "../tensor-source.ts";
import { choleskyInPlace, subMatrix, transposed } from "./cholesky.ts";
import { fitScale } from "./fit-scale.ts";

/** What a layer's inputs look like: the factor of their Gram matrix. */
export interface InputFactor {
  columns: number;
  /** Lower triangular L, [columns, columns], with L Lᵀ = Xᵀ X + damping. */
  lower: Float32Array;
  damping: number;
}

/**
 * Share of the mean of the diagonal that is added to it: keeps the factorisation stable, and the fit from following noise (the best of
 * 0.01, 0.03 and 0.1 on the starter).
 */
const DAMPING = 0.03;

/** Factors Xᵀ X, [columns, columns] in its place. */
export async function factorInputs(gram: Float32Array, columns: number, multiply: Multiply): Promise<InputFactor> {
  let trace = 0;
  for (let i = 0; i < columns; i++) trace += gram[i * columns + i] ?? 0;
  // Where no input was ever other than zero, any rounding is as good as any other.
  const damping = trace === 0 ? 1 : (DAMPING * trace) / columns;
  for (let i = 0; i < columns; i++) gram[i * columns + i] = (gram[i * columns + i] ?? 0) + damping;
  await choleskyInPlace(gram, columns, multiply);
  return { columns, lower: gram, damping };
}

/**
 * 4 bits per weight such that the products with the layer's inputs stay close, not the weights themselves: GPTQ (Frantar et al.,
 * arXiv:2210.17323) in the form of LDLQ (Chee et al., arXiv:2307.13304), which needs no inverse. Columns are rounded from the last to
 * the first, each after it has taken over what the errors of the later ones did to the products. A group's scale is fitted when its
 * turn comes, each weight counting by how little its error can be made up for by the columns still to come.
 */
export async function gptq(
  weights: Float32Array,
  rows: number,
  { columns, lower }: InputFactor,
  { block }: IntFormat,
  multiply: Multiply,
): Promise<IntRows> {
  const turned = new Float32Array(rows * columns);
  transposeInto(weights, columns, turned, rows, 0);
  const errors = new Float32Array(rows * columns);
  const groups = columns / block;
  const result = { levels: new Uint8Array((rows * columns) / 2), scales: new Float32Array(rows * groups) };
  for (let group = groups - 1; group >= 0; group--) {
    const first = group * block;
    const after = first + block;
    const targets = turned.slice(first * rows, after * rows);
    if (after < columns) {
      const part = subMatrix(lower, columns, { row: after, rows: columns - after, column: first, columns: block });
      const feedback = transposed(part, columns - after, block);
      const later = errors.subarray(after * rows);
      addScaled(targets, await multiply(feedback, later, block, columns - after, rows), lower, columns, first, rows);
    }
    const scales = groupScales(targets, rows, block, importance(lower, columns, first, block));
    for (let row = 0; row < rows; row++) result.scales[row * groups + group] = scales[row] ?? 0;
    roundGroup({ targets, turned, errors, lower, columns, rows, block, first, scales, levels: result.levels });
  }
  return result;
}

/** targets[i] += product[i] / L[i][i]. */
function addScaled(
  targets: Float32Array,
  product: Float32Array,
  lower: Float32Array,
  columns: number,
  first: number,
  rows: number,
): void {
  for (let i = 0; i < targets.length / rows; i++) {
    const inverse = 1 / (lower[(first + i) * (columns + 1)] ?? 1);
    for (let at = i * rows; at < (i + 1) * rows; at++) targets[at] = (targets[at] ?? 0) + (product[at] ?? 0) * inverse;
  }
}

/** What a unit of error in each column costs after all columns still to come have made up for it as well as they can. */
function importance(lower: Float32Array, columns: number, first: number, block: number): Float64Array {
  return Float64Array.from({ length: block }, (_, i) => (lower[(first + i) * (columns + 1)] ?? 0) ** 2);
}

function groupScales(targets: Float32Array, rows: number, block: number, weights: Float64Array): Float32Array {
  const values = new Float64Array(block);
  return Float32Array.from({ length: rows }, (_, row) => {
    for (let i = 0; i < block; i++) values[i] = targets[i * rows + row] ?? 0;
    return fitScale(values, weights);
  });
}

interface Group {
  /** [block, rows]: what each column should become, without the errors in this group. */
  targets: Float32Array;
  turned: Float32Array;
  errors: Float32Array;
  lower: Float32Array;
  columns: number;
  rows: number;
  block: number;
  first: number;
  scales: Float32Array;
  levels: Uint8Array;
}

/** Rounds the columns of a group, last to first; writes their levels and errors. */
function roundGroup({ targets, turned, errors, lower, columns, rows, block, first, scales, levels }: Group): void {
  for (let i = block - 1; i >= 0; i--) {
    const column = first + i;
    const inverse = 1 / (lower[column * (columns + 1)] ?? 1);
    for (let j = i + 1; j < block; j++) {
      const factor = (lower[(first + j) * columns + column] ?? 0) * inverse;
      const from = (first + j) * rows;
      for (let row = 0; row < rows; row++) {
        targets[i * rows + row] = (targets[i * rows + row] ?? 0) + factor * (errors[from + row] ?? 0);
      }
    }
    const shift = column % 2 === 0 ? 0 : 4;
    for (let row = 0; row < rows; row++) {
      const scale = scales[row] ?? 0;
      const level = scale === 0 ? 0 : Math.max(-8, Math.min(7, Math.round((targets[i * rows + row] ?? 0) / scale)));
      const at = (row * columns + column) >> 1;
      levels[at] = (levels[at] ?? 0) | ((level + 8) << shift);
      errors[column * rows + row] = (turned[column * rows + row] ?? 0) - level * scale;
    }
  }
}

/** The sum of squares of `errors` [rows, columns] times the layer's inputs. */
export async function outputSquares(
  errors: Float32Array,
  rows: number,
  { columns, lower, damping }: InputFactor,
  multiply: Multiply,
): Promise<number> {
  const triangle = lower.slice();
  for (let row = 0; row < columns; row++) triangle.fill(0, row * columns + row + 1, (row + 1) * columns);
  const product = await multiply(errors, triangle, rows, columns, columns);
  return squares(product) - damping * squares(errors);
}

function squares(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}
