import type { Quantization } from "../../shared/inference/model.ts";
import { CONTRIB, type GraphBuilder, type Value } from "../runtime/graph-builder.ts";
import { modelError } from "./model-error.ts";
import { blockCount, quantizeInt4, quantizeInt8Transposed, quantizeUint8Blocks, transposeInto } from "./quantize.ts";
import type { Int4Source, TensorSource } from "./tensor-source.ts";
import type { WeightFile } from "./weight-file.ts";

/** How a matrix's weights are held. */
export type Precision = Quantization;

/** Where a graph's weights come from and go to. */
export interface Weights {
  graph: GraphBuilder;
  source: TensorSource;
  file: WeightFile;
  /** Called after every piece of `elements` weights. */
  onConverted: (elements: number) => void;
}

/** A layer `from` of the file, or some of its rows: y = W x, with W [rows, columns] in `from.weight`. */
export interface Part {
  from: string;
  rows: number;
  /** Where the tensor holds more than these rows: the first of them, and how many there are in all. */
  first?: number;
  of?: number;
}

/** Weights that are read, converted and written at a time: 16 MiB as float32. */
const PIECE_ELEMENTS = 4 * 1024 * 1024;

/**
 * Adds a product with the matrices stacked on top of each other: input [..., columns] -> [..., sum of rows]. The weights are read a
 * piece at a time and written to the weight file in the layout of the kernel.
 */
export async function addLinear(
  weights: Weights,
  name: string,
  input: Value,
  matrices: readonly Part[],
  columns: number,
  precision: Precision,
): Promise<Value> {
  for (const part of matrices) expectShape(weights.source, weightOf(part), [part.of ?? part.rows, columns]);
  const rows = matrices.reduce((sum, matrix) => sum + matrix.rows, 0);
  return await PRODUCTS[precision](weights, name, input, matrices, rows, columns);
}

type AddProduct = (
  weights: Weights,
  name: string,
  input: Value,
  matrices: readonly Part[],
  rows: number,
  columns: number,
) => Promise<Value>;

const PRODUCTS: Record<Precision, AddProduct> = { fp32: addFloat, int8: addInt8, int4: addInt4 };

async function addFloat(w: Weights, name: string, input: Value, from: readonly Part[], rows: number, columns: number) {
  const transposed = new Float32Array(rows * columns);
  for await (const piece of pieces(w, from, columns)) transposeInto(piece.values, columns, transposed, rows, piece.row);
  const weight = await w.file.add(w.graph, `${name}.weight`, transposed, [columns, rows]);
  return w.graph.node(name, "MatMul", [input, weight]);
}

async function addInt8(w: Weights, name: string, input: Value, from: readonly Part[], rows: number, columns: number) {
  const transposed = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for await (const piece of pieces(w, from, columns)) {
    scales.set(quantizeInt8Transposed(piece.values, columns, transposed, rows, piece.row), piece.row);
  }
  const weight = await w.file.add(w.graph, `${name}.weight`, transposed, [columns, rows]);
  const scale = await w.file.add(w.graph, `${name}.scale`, scales, [rows]);
  return w.graph.node(name, "DynamicQuantizeMatMul", [input, weight, scale], { domain: CONTRIB });
}

/** Activations are rounded to int8 per block, and the products are of integers: ONNX Runtime's fastest path. */
const ACCURACY_INT8 = 4;

async function addInt4(w: Weights, name: string, input: Value, from: readonly Part[], rows: number, columns: number) {
  const { block, read } = int4Rows(w.source, from, columns);
  const blocks = blockCount(columns, block);
  const scales = new Float32Array(rows * blocks);
  const dims = [rows, blocks, block / 2];
  const weight = await w.file.stream(w.graph, `${name}.weight`, "uint8", dims, async (append) => {
    for (const run of runs(from, columns)) {
      const quantized = await read(run.tensor, run.first, run.count);
      scales.set(quantized.scales, run.row * blocks);
      await append(quantized.packed);
      w.onConverted(run.count * columns);
    }
  });
  const scale = await w.file.add(w.graph, `${name}.scale`, scales, [rows, blocks]);
  return w.graph.node(name, "MatMulNBits", [input, weight, scale], {
    domain: CONTRIB,
    attributes: { K: columns, N: rows, bits: 4, block_size: block, accuracy_level: ACCURACY_INT8 },
  });
}

/** Reads rows in 4 bits: as the file holds them if it holds all these matrices so, else rounded. */
function int4Rows(source: TensorSource, parts: readonly Part[], columns: number): Pick<Int4Source, "block" | "read"> {
  const { int4 } = source;
  if (int4 !== undefined && parts.every((part) => int4.has(weightOf(part)))) return int4;
  const block = int4Block(columns);
  const read = async (tensor: string, row: number, rows: number) =>
    quantizeInt4(await source.read(tensor, row * columns, rows * columns), columns, block);
  return { block, read };
}

/**
 * Weights per scale in a row of `columns`: 128 reads fewest bytes per token; in short rows it is half of the row and costs quality
 * (the starter's perplexity rises by 2.3% instead of 1.0%), and there speed does not depend on memory.
 */
export function int4Block(columns: number): number {
  return columns >= 1024 ? 128 : 64;
}

/** Weights per scale of an 8-bit embedding. */
const EMBEDDING_BLOCK = 128;

/** Adds the look-up of token ids in an embedding [rows, columns]: ids [...] -> [..., columns]. */
export async function addEmbedding(
  w: Weights,
  name: string,
  ids: Value,
  matrix: Part,
  columns: number,
  precision: "fp32" | "int8",
): Promise<Value> {
  const { rows } = matrix;
  expectShape(w.source, weightOf(matrix), [rows, columns]);
  if (precision === "fp32") {
    const weight = await w.file.stream(w.graph, `${name}.weight`, "float32", [rows, columns], async (append) => {
      for await (const { values } of pieces(w, [matrix], columns)) await append(new Uint8Array(values.buffer));
    });
    return w.graph.node(name, "Gather", [weight, ids]);
  }
  const blocks = blockCount(columns, EMBEDDING_BLOCK);
  const scales = new Float32Array(rows * blocks);
  const weight = await w.file.stream(w.graph, `${name}.weight`, "uint8", [rows, columns], async (append) => {
    for await (const piece of pieces(w, [matrix], columns)) {
      const quantized = quantizeUint8Blocks(piece.values, columns, EMBEDDING_BLOCK);
      scales.set(quantized.scales, piece.row * blocks);
      await append(quantized.data);
    }
  });
  const scale = await w.file.add(w.graph, `${name}.scale`, scales, [rows, blocks]);
  return w.graph.node(name, "GatherBlockQuantized", [weight, ids, scale], {
    domain: CONTRIB,
    attributes: { gather_axis: 0, quantize_axis: 1, block_size: EMBEDDING_BLOCK, bits: 8 },
  });
}

/** Adds the biases of stacked matrices to their product. */
export async function addBiases(w: Weights, name: string, product: Value, parts: readonly Part[]): Promise<Value> {
  const biases = new Float32Array(parts.reduce((sum, part) => sum + part.rows, 0));
  let row = 0;
  for (const { from, rows, first = 0, of = rows } of parts) {
    const tensor = `${from}.bias`;
    expectShape(w.source, tensor, [of]);
    biases.set(await w.source.read(tensor, first, rows), row);
    w.onConverted(rows);
    row += rows;
  }
  const bias = await w.file.add(w.graph, `${name}.bias`, biases, [biases.length]);
  return w.graph.node(`${name}.biased`, "Add", [product, bias]);
}

/** Adds a vector of the file, such as a norm's gain, plus `offset`. */
export async function addVector(w: Weights, tensor: string, length: number, offset: number): Promise<Value> {
  expectShape(w.source, tensor, [length]);
  const values = await w.source.read(tensor, 0, length);
  w.onConverted(length);
  return await w.file.add(w.graph, tensor, offset === 0 ? values : values.map((value) => value + offset), [length]);
}

/** The weights of the stacked matrices, a run of rows at a time. */
async function* pieces(w: Weights, parts: readonly Part[], columns: number) {
  for (const { tensor, first, count, row } of runs(parts, columns)) {
    yield { values: await w.source.read(tensor, first * columns, count * columns), row };
    w.onConverted(count * columns);
  }
}

/** Runs of whole rows of the stacked matrices, in order: `first` counts through the tensor, `row` through the stack. */
function* runs(parts: readonly Part[], columns: number) {
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

const weightOf = ({ from }: Part): string => `${from}.weight`;

function expectShape(source: TensorSource, tensor: string, shape: readonly number[]): void {
  const entry = source.tensors.get(tensor);
  if (entry === undefined)
    throw modelError(`The model's files have no tensor ${tensor}, which its config.json calls for.`);
  if (entry.shape.length !== shape.length || entry.shape.some((dim, i) => dim !== shape[i])) {
    throw modelError(`Tensor ${tensor} is [${entry.shape.join(", ")}]; config.json calls for [${shape.join(", ")}].`);
  }
}
