import type { Part, Weights } from "./linear.ts";
import { modelError } from "./model-error.ts";
import { quantizeInt4, quantizeUint8Blocks } from "./quantize.ts";
import type { IntFormat, IntRows, TensorSource } from "./tensor-source.ts";

/** Weights that are read, converted and written at a time: 16 MiB as float32. */
const PIECE_ELEMENTS = 4 * 1024 * 1024;

type Reader = Pick<Weights, "source" | "onConverted">;

/** Runs of whole rows of the stacked matrices, in order: `first` counts through the tensor, `row` through the stack. */
export function* runs(parts: readonly Part[], columns: number) {
  const rowsPerPiece = Math.max(1, Math.floor(PIECE_ELEMENTS / columns));
  let base = 0;
  for (const part of parts) {
    const { rows, first = 0 } = part;
    for (let row = 0; row < rows; row += rowsPerPiece) {
      const count = Math.min(rowsPerPiece, rows - row);
      yield { tensor: weightOf(part), first: first + row, count, row: base + row };
    }
    base += rows;
  }
}

/** The weights of the stacked matrices as real numbers, a run of rows at a time. */
export async function* floatPieces(w: Reader, parts: readonly Part[], columns: number) {
  for (const { tensor, first, count, row } of runs(parts, columns)) {
    yield { values: await w.source.read(tensor, first * columns, count * columns), row };
    w.onConverted(count * columns);
  }
}

/** The weights of the stacked matrices in a format, a run of rows at a time: as the file holds them if it does so, else rounded. */
export async function* intPieces(w: Reader, parts: readonly Part[], columns: number, format: IntFormat) {
  for (const { tensor, first, count, row } of runs(parts, columns)) {
    const stored = w.source.ints?.formatOf(tensor);
    const rows =
      stored !== undefined && holds(stored, format)
        ? splitBlocks((await w.source.ints?.read(tensor, first, count)) ?? missing(tensor), stored, format)
        : round(await w.source.read(tensor, first * columns, count * columns), columns, format);
    yield { ...rows, row };
    w.onConverted(count * columns);
  }
}

function missing(tensor: string): never {
  throw new Error(`${tensor} has a format and cannot be read.`);
}

/** Whether numbers in `stored` are those of `format` with nothing rounded: its blocks are as fine, or finer. */
export function holds(stored: IntFormat, format: IntFormat): boolean {
  return stored.bits === format.bits && stored.block % format.block === 0;
}

/** Gives each smaller block the scale of the one that it is a part of. */
function splitBlocks(rows: IntRows, stored: IntFormat, format: IntFormat): IntRows {
  if (stored.block === format.block) return rows;
  const parts = stored.block / format.block;
  const scales = new Float32Array(rows.scales.length * parts);
  for (const [i, scale] of rows.scales.entries()) scales.fill(scale, i * parts, (i + 1) * parts);
  return { levels: rows.levels, scales };
}

/** Rounds rows to nearest. The last block of a row may be padded in 4 bits. */
export function round(values: Float32Array, columns: number, { bits, block }: IntFormat): IntRows {
  return bits === 4 ? quantizeInt4(values, columns, block) : quantizeUint8Blocks(values, columns, block);
}

/** The name of a layer's matrix. */
export function weightOf({ from }: Part): string {
  return `${from}.weight`;
}

/** Throws `model_load_failed` unless the tensor is there in this shape. */
export function expectShape(source: TensorSource, tensor: string, shape: readonly number[]): void {
  const entry = source.tensors.get(tensor);
  if (entry === undefined)
    throw modelError(`The model's files have no tensor ${tensor}, which its config.json calls for.`);
  if (entry.shape.length !== shape.length || entry.shape.some((dim, i) => dim !== shape[i])) {
    throw modelError(`Tensor ${tensor} is [${entry.shape.join(", ")}]; config.json calls for [${shape.join(", ")}].`);
  }
}
