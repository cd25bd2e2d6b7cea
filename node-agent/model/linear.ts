import type { Quantization } from "../../shared/inference/model.ts";
import { CONTRIB, type GraphBuilder, type Value } from "../runtime/graph-builder.ts";
import { formatOf, kernelBlock } from "./int-formats.ts";
import { blockCount, quantizeInt8Transposed, transposeInto, transposeLevels } from "./quantize.ts";
import { expectShape, floatPieces, intPieces, weightOf } from "./rows.ts";
import type { IntFormat, TensorSource } from "./tensor-source.ts";
import type { WeightFile } from "./weight-file.ts";

/** How a matrix's weights are held; `stored`: as the file has them. */
export type Precision = Quantization | "stored";

/** Where a graph's weights come from and go to. */
export interface Weights {
  graph: GraphBuilder;
  source: TensorSource;
  file: WeightFile;
  /** Called after every piece of `elements` weights. */
  onConverted: (elements: number) => void;
  /** Whether 8 bits have to be in blocks too: the kernels with one scale a row are the CPU's own. */
  blocksOnly?: boolean;
  /** Called for every product that is added. */
  onLinear?: (product: LinearProduct) => void;
}

/** A product with matrices: `input` is the value in the graph that they are multiplied with. */
export interface LinearProduct {
  input: Value;
  columns: number;
  parts: readonly Part[];
}

/** A layer `from` of the file, or some of its rows: y = W x, with W [rows, columns] in `from.weight`. */
export interface Part {
  from: string;
  rows: number;
  /** Where the tensor holds more than these rows: the first of them, and how many there are in all. */
  first?: number;
  of?: number;
}

export interface LinearOptions {
  /** Rows of the input differ by orders of magnitude. Kernels with one activation scale for all rows then get them scaled. */
  unevenRows?: boolean;
}

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
  options: LinearOptions = {},
): Promise<Value> {
  for (const part of matrices) expectShape(weights.source, weightOf(part), [part.of ?? part.rows, columns]);
  weights.onLinear?.({ input, columns, parts: matrices });
  const add = async (productName: string, parts: readonly Part[]) => {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0);
    const format = formatOf(weights.source, parts, columns, precision);
    const product = { name: productName, input, parts, rows, columns };
    if (format === undefined) return await addFloat(weights, product);
    if (format.bits === 4 || format.block !== columns) return await addBlocks(weights, product, format);
    if (weights.blocksOnly !== true) return await addInt8(weights, product, options);
    const block = kernelBlock(columns, INT8_BLOCK);
    // Rows that no block divides are those of toys.
    return block === undefined
      ? await addFloat(weights, product)
      : await addBlocks(weights, product, { bits: 8, block });
  };
  if (precision !== "stored" || isOneFormat(weights.source, matrices)) return await add(name, matrices);
  const products: Value[] = [];
  for (const [i, part] of matrices.entries()) products.push(await add(`${name}.${i}`, [part]));
  return weights.graph.node(name, "Concat", products, { attributes: { axis: -1 } });
}

function isOneFormat({ ints }: TensorSource, matrices: readonly Part[]): boolean {
  const [first, ...rest] = matrices.map((part) => ints?.formatOf(weightOf(part)));
  return rest.every((format) => format?.bits === first?.bits && format?.block === first?.block);
}

interface Product {
  name: string;
  input: Value;
  parts: readonly Part[];
  rows: number;
  columns: number;
}

async function addFloat(w: Weights, { name, input, parts, rows, columns }: Product): Promise<Value> {
  const transposed = new Float32Array(rows * columns);
  for await (const piece of floatPieces(w, parts, columns)) {
    transposeInto(piece.values, columns, transposed, rows, piece.row);
  }
  const weight = await w.file.add(w.graph, `${name}.weight`, transposed, [columns, rows]);
  return w.graph.node(name, "MatMul", [input, weight]);
}

/** 8 bits with one scale a row: ONNX Runtime's fastest product of 8 bits. Activations have one scale for all rows. */
async function addInt8(w: Weights, product: Product, { unevenRows }: LinearOptions): Promise<Value> {
  const { name, input, parts, rows, columns } = product;
  const transposed = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  const { ints } = w.source;
  if (parts.every((part) => ints?.formatOf(weightOf(part))?.block === columns)) {
    for await (const piece of intPieces(w, parts, columns, { bits: 8, block: columns })) {
      transposeLevels(piece.levels, columns, transposed, rows, piece.row);
      scales.set(piece.scales, piece.row);
    }
  } else {
    for await (const piece of floatPieces(w, parts, columns)) {
      scales.set(quantizeInt8Transposed(piece.values, columns, transposed, rows, piece.row), piece.row);
    }
  }
  const weight = await w.file.add(w.graph, `${name}.weight`, transposed, [columns, rows]);
  const scale = await w.file.add(w.graph, `${name}.scale`, scales, [rows]);
  const multiply = (to: string, from: Value) =>
    w.graph.node(to, "DynamicQuantizeMatMul", [from, weight, scale], { domain: CONTRIB });
  if (unevenRows !== true) return multiply(name, input);
  const scaled = scaleRows(w, `${name}.input`, input);
  return w.graph.node(name, "Mul", [multiply(`${name}.scaled`, scaled.rows), scaled.sizes]);
}

/** Weights per scale where 8 bits have to be in blocks, and the file has none. */
const INT8_BLOCK = 128;

/** Activations are rounded to int8 per block, and the products are of integers: ONNX Runtime's fastest path. */
const ACCURACY_INT8 = 4;

async function addBlocks(w: Weights, { name, input, parts, rows, columns }: Product, format: IntFormat) {
  const { bits, block } = format;
  const blocks = blockCount(columns, block);
  const scales = new Float32Array(rows * blocks);
  const dims = [rows, blocks, (block * bits) / 8];
  const weight = await w.file.stream(w.graph, `${name}.weight`, "uint8", dims, async (append) => {
    for await (const piece of intPieces(w, parts, columns, format)) {
      scales.set(piece.scales, piece.row * blocks);
      await append(piece.levels);
    }
  });
  const scale = await w.file.add(w.graph, `${name}.scale`, scales, [rows, blocks]);
  return w.graph.node(name, "MatMulNBits", [input, weight, scale], {
    domain: CONTRIB,
    attributes: { K: columns, N: rows, bits, block_size: block, accuracy_level: ACCURACY_INT8 },
  });
}

/** Smaller rows than this are as good as zero; it keeps a row of zeros from dividing by zero. */
const SMALLEST_ROW = 1e-12;

/**
 * Divides each row by its largest magnitude. DynamicQuantizeMatMul has one activation scale for all rows together; what goes into
 * the down projection differs by orders of magnitude between tokens, so that one token would drown the rest of its chunk or batch
 * (the starter's perplexity rises by 0.8% without this and by 0.1% with it).
 */
function scaleRows({ graph }: Weights, name: string, input: Value): { rows: Value; sizes: Value } {
  const magnitudes = graph.node(`${name}.abs`, "Abs", [input]);
  const largest = graph.node(`${name}.max`, "ReduceMax", [magnitudes, graph.shape("last_axis", [-1])]);
  const sizes = graph.node(`${name}.size`, "Max", [largest, graph.scalar("smallest_row", SMALLEST_ROW)]);
  return { rows: graph.node(`${name}.rows`, "Div", [input, sizes]), sizes };
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
