import type { IntFormat, IntRows } from "./tensor-source.ts";

/**
 * Round-to-nearest quantisation of weight matrices, in the layouts of ONNX Runtime's kernels. A matrix is row-major
 * [rows, columns] with one row per output channel, as Hugging Face files have it.
 */

/** Weights of a 4-bit row: the middle of the unsigned range stands for zero (the kernel's default zero point). */
const INT4_ZERO = 8;
const INT4_PAIR_OF_ZEROS = (INT4_ZERO << 4) | INT4_ZERO;

/** Blocks that a row of `columns` weights takes; the last one may be padded. */
export function blockCount(columns: number, block: number): number {
  return Math.ceil(columns / block);
}

/**
 * 4 bits per weight with one scale per `block` weights of a row, for MatMulNBits. The weight of largest magnitude maps to -8, so
 * all 16 levels are used (the scheme of GGML's Q4_0); the scale is then fitted to the chosen levels. Padding is zero.
 */
export function quantizeInt4(values: Float32Array, columns: number, block: number): IntRows {
  const rows = values.length / columns;
  const blocks = blockCount(columns, block);
  const levels = new Uint8Array((rows * blocks * block) / 2).fill(INT4_PAIR_OF_ZEROS);
  const scales = new Float32Array(rows * blocks);
  for (let index = 0; index < rows * blocks; index++) {
    const row = Math.floor(index / blocks);
    const first = row * columns + (index % blocks) * block;
    const last = Math.min(first + block, (row + 1) * columns);
    scales[index] = packInt4Block(values, first, last, levels, (index * block) / 2);
  }
  return { levels, scales };
}

function packInt4Block(values: Float32Array, first: number, last: number, packed: Uint8Array, byte: number): number {
  const inverse = -INT4_ZERO / extreme(values, first, last);
  if (!Number.isFinite(inverse)) return 0;
  let dot = 0;
  let squares = 0;
  for (let i = first; i < last; i++) {
    const value = values[i] ?? 0;
    const level = toInt4(value, inverse);
    dot += value * (level - INT4_ZERO);
    squares += (level - INT4_ZERO) ** 2;
    const at = byte + ((i - first) >> 1);
    packed[at] = (i - first) % 2 === 0 ? (INT4_ZERO << 4) | level : (level << 4) | ((packed[at] ?? 0) & 0xf);
  }
  // The scale that fits these levels best in the least squares sense.
  return dot / squares;
}

function toInt4(value: number, inverse: number): number {
  // Positive before the cast: adding a half and truncating rounds to nearest.
  return Math.min(15, Math.trunc(value * inverse + INT4_ZERO + 0.5));
}

/** The value of largest magnitude, with its sign. */
function extreme(values: Float32Array, first: number, last: number): number {
  let result = 0;
  let magnitude = 0;
  for (let i = first; i < last; i++) {
    const value = values[i] ?? 0;
    const size = Math.abs(value);
    if (size > magnitude) {
      magnitude = size;
      result = value;
    }
  }
  return result;
}

/**
 * 8 bits per weight with one scale per row, written transposed into `target` [columns, rowsTotal] from row `firstRow` on, for
 * DynamicQuantizeMatMul. Symmetric: weight = q x scale, q in [-127, 127]. Returns the scales of these rows.
 */
export function quantizeInt8Transposed(
  values: Float32Array,
  columns: number,
  target: Int8Array,
  rowsTotal: number,
  firstRow: number,
): Float32Array {
  const rows = values.length / columns;
  const scales = new Float32Array(rows);
  const inverses = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const scale = Math.abs(extreme(values, row * columns, (row + 1) * columns)) / 127;
    scales[row] = scale;
    inverses[row] = scale === 0 ? 0 : 1 / scale;
  }
  forEachTile(rows, columns, (column, fromRow, toRow) => {
    const to = column * rowsTotal + firstRow;
    for (let row = fromRow; row < toRow; row++) {
      target[to + row] = roundSmall((values[row * columns + column] ?? 0) * (inverses[row] ?? 0));
    }
  });
  return scales;
}

/** Math.round for numbers between -128 and 127, several times as fast: truncation rounds to nearest where all are positive. */
function roundSmall(value: number): number {
  return Math.trunc(value + 128.5) - 128;
}

const TILE = 64;

/** Goes through a matrix in square tiles, column by column within each: a transposition in this order stays in the cache. */
function forEachTile(
  rows: number,
  columns: number,
  visit: (column: number, fromRow: number, toRow: number) => void,
): void {
  for (let row = 0; row < rows; row += TILE) {
    for (let tile = 0; tile < columns; tile += TILE) {
      const end = Math.min(tile + TILE, columns);
      for (let column = tile; column < end; column++) visit(column, row, Math.min(row + TILE, rows));
    }
  }
}

/** The middle of the unsigned 8-bit range stands for zero (the kernels' default too). */
const UINT8_ZERO = 128;

/** 8 bits per weight with one scale per `block` weights of a row: weight = (q - 128) x scale, q in [1, 255]. */
export function quantizeUint8Blocks(values: Float32Array, columns: number, block: number): IntRows {
  const rows = values.length / columns;
  const blocks = blockCount(columns, block);
  const levels = new Uint8Array(values.length);
  const scales = new Float32Array(rows * blocks);
  for (let index = 0; index < rows * blocks; index++) {
    const row = Math.floor(index / blocks);
    const first = row * columns + (index % blocks) * block;
    const last = Math.min(first + block, (row + 1) * columns);
    const scale = Math.abs(extreme(values, first, last)) / 127;
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = first; i < last; i++) levels[i] = roundSmall((values[i] ?? 0) * inverse) + UINT8_ZERO;
    scales[index] = scale;
  }
  return { levels, scales };
}

/** Rows [firstRow, ...) of a matrix written transposed into `target` [columns, rowsTotal]. */
export function transposeInto(
  values: Float32Array,
  columns: number,
  target: Float32Array,
  rowsTotal: number,
  firstRow: number,
): void {
  forEachTile(values.length / columns, columns, (column, fromRow, toRow) => {
    const to = column * rowsTotal + firstRow;
    for (let row = fromRow; row < toRow; row++) target[to + row] = values[row * columns + column] ?? 0;
  });
}

/** Rows of 8-bit levels, one scale a row, written transposed and signed into `target`: see quantizeInt8Transposed. */
export function transposeLevels(
  levels: Uint8Array,
  columns: number,
  target: Int8Array,
  rowsTotal: number,
  firstRow: number,
): void {
  forEachTile(levels.length / columns, columns, (column, fromRow, toRow) => {
    const to = column * rowsTotal + firstRow;
    for (let row = fromRow; row < toRow; row++) target[to + row] = (levels[row * columns + column] ?? 0) - UINT8_ZERO;
  });
}

/** The weights that rows of levels stand for. `block` divides `columns`. */
export function dequantize({ levels, scales }: IntRows, { bits, block }: IntFormat): Float32Array {
  const values = new Float32Array(scales.length * block);
  for (let i = 0; i < values.length; i++) {
    const scale = scales[Math.floor(i / block)] ?? 0;
    const byte = levels[bits === 8 ? i : i >> 1] ?? 0;
    const level = bits === 8 ? byte - UINT8_ZERO : (i % 2 === 0 ? byte & 15 : byte >> 4) - INT4_ZERO;
    values[i] = level * scale;
  }
  return values;
}
