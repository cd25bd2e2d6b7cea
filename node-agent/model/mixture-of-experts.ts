import { CONTRIB, type Value } from "../runtime/graph-builder.ts";
import type { Attribute } from "../runtime/onnx-proto.ts";
import type { ModelConfig } from "./config.ts";
import { formatOf, kernelBlock } from "./int-formats.ts";
import { addLinear, type Part, type Precision, type Weights } from "./linear.ts";
import { expectShape, floatPieces, intPieces, weightOf } from "./rows.ts";
import type { IntFormat } from "./tensor-source.ts";

/** Experts that take the place of the feed-forward layer (Shazeer et al., arXiv:1701.06538). */
export interface Experts {
  count: number;
  /** How many of them compute a token. */
  perToken: number;
  /** Width of each. */
  ffnSize: number;
  /** Their shares of a token add up to one; otherwise they keep those they have among all experts. */
  normalized: boolean;
  /** For each layer, whether it has experts. */
  layers: readonly boolean[];
}

/** An expert's matrices, stacked over all experts. */
interface ExpertParts {
  gates: readonly Part[];
  ups: readonly Part[];
  downs: readonly Part[];
}

/**
 * Adds the router and the experts, of which each token runs a few: [..., hidden] -> [..., hidden]. ONNX Runtime's kernels for the CPU
 * know gated experts with SiLU; rows of gate and up alternate in one matrix.
 */
export async function addMixtureOfExperts(
  config: ModelConfig,
  experts: Experts,
  weights: Weights,
  precision: Precision,
  layer: number,
  input: Value,
): Promise<Value> {
  const { graph } = weights;
  const { hiddenSize } = config;
  const name = `layer${layer}.experts`;
  const from = `${config.tensorPrefix}model.layers.${layer}.mlp`;
  const rows = graph.node(`${name}.rows`, "Reshape", [input, graph.shape(`rows_of_${hiddenSize}`, [-1, hiddenSize])]);
  // What decides between experts is small, and wrong decisions are not.
  const router = [{ from: `${from}.gate`, rows: experts.count }];
  const scores = await addLinear(weights, `layer${layer}.router`, rows, router, hiddenSize, "fp32");
  const output = await addExperts(
    weights,
    name,
    [rows, scores],
    experts,
    partsOf(config, experts, weights, from),
    precision,
    hiddenSize,
  );
  const weighted = experts.normalized ? output : addShares(weights, name, output, scores, experts.perToken);
  return graph.node(`${name}.shaped`, "Reshape", [weighted, graph.node(`${name}.shape`, "Shape", [input])]);
}

function partsOf(
  { hiddenSize }: ModelConfig,
  { count, ffnSize }: Experts,
  { source }: Weights,
  from: string,
): ExpertParts {
  const stack = (part: string, rows: number, columns: number): Part[] =>
    Array.from({ length: count }, (_, expert) => {
      const matrix = { from: `${from}.experts.${expert}.${part}_proj`, rows };
      expectShape(source, weightOf(matrix), [rows, columns]);
      return matrix;
    });
  return {
    gates: stack("gate", ffnSize, hiddenSize),
    ups: stack("up", ffnSize, hiddenSize),
    downs: stack("down", hiddenSize, ffnSize),
  };
}

async function addExperts(
  w: Weights,
  name: string,
  inputs: readonly Value[],
  { count, perToken, ffnSize }: Experts,
  parts: ExpertParts,
  precision: Precision,
  hiddenSize: number,
): Promise<Value> {
  const attributes: Record<string, Attribute> = {
    k: perToken,
    activation_type: "swiglu",
    swiglu_fusion: 1,
    activation_alpha: { float: 1 },
    activation_beta: { float: 0 },
    normalize_routing_weights: 1,
  };
  const format = expertFormat(w, parts, hiddenSize, ffnSize, precision);
  const inward = { name: `${name}.inward`, rows: 2 * ffnSize, columns: hiddenSize };
  const outward = { name: `${name}.down`, rows: hiddenSize, columns: ffnSize };
  if (format === undefined) {
    const first = await addFloats(w, inward, count, gatedFloats(w, parts, hiddenSize));
    const second = await addFloats(w, outward, count, floatPieces(w, parts.downs, ffnSize));
    return w.graph.node(name, "MoE", [...inputs, first, "", second], { domain: CONTRIB, attributes });
  }
  const { bits, block } = format;
  const within = (columns: number): IntFormat => ({ bits, block: block ?? columns });
  const first = await addInts(w, inward, count, format, gatedInts(w, parts, hiddenSize, within(hiddenSize)));
  const second = await addInts(w, outward, count, format, intPieces(w, parts.downs, ffnSize, within(ffnSize)));
  return w.graph.node(name, "QMoE", [...inputs, ...first, "", ...second], {
    domain: CONTRIB,
    attributes: { ...attributes, expert_weight_bits: bits, ...(block === undefined ? {} : { block_size: block }) },
  });
}

/** Bits of all of a layer's experts, and weights per scale: undefined for whole rows. */
interface ExpertFormat {
  bits: IntFormat["bits"];
  block: number | undefined;
}

/** The widest block that the kernel has a fast path for. */
const WIDEST_BLOCK = 128;

/** One format for all matrices of the experts; undefined for real numbers. The kernel knows one block for both widths. */
function expertFormat(
  { source }: Weights,
  { gates, ups, downs }: ExpertParts,
  hiddenSize: number,
  ffnSize: number,
  precision: Precision,
): ExpertFormat | undefined {
  const inward = formatOf(source, [...gates, ...ups], hiddenSize, precision);
  const outward = formatOf(source, downs, ffnSize, precision);
  if (inward === undefined || outward === undefined) return undefined;
  const bits = inward.bits === 8 ? 8 : outward.bits;
  const wholeRows = bits === 8 && inward.block === hiddenSize && outward.block === ffnSize;
  const block = kernelBlock(commonDivisor(hiddenSize, ffnSize), Math.min(inward.block, outward.block, WIDEST_BLOCK));
  return wholeRows || block === undefined ? { bits: 8, block: undefined } : { bits, block };
}

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/** A matrix of each expert: [experts, rows, columns]. */
interface Stack {
  name: string;
  rows: number;
  columns: number;
}

async function addFloats(
  w: Weights,
  { name, rows, columns }: Stack,
  count: number,
  pieces: AsyncIterable<{ values: Float32Array }>,
) {
  return await w.file.stream(w.graph, `${name}.weight`, "float32", [count, rows, columns], async (append) => {
    for await (const { values } of pieces) await append(bytesOf(values));
  });
}

/** Levels and scales. */
async function addInts(
  w: Weights,
  { name, rows, columns }: Stack,
  count: number,
  { bits, block }: ExpertFormat,
  pieces: AsyncIterable<{ levels: Uint8Array; scales: Float32Array }>,
): Promise<[Value, Value]> {
  const blocks = block === undefined ? [] : [columns / block];
  const scales = new Float32Array(count * rows * (blocks[0] ?? 1));
  let at = 0;
  const dims = [count, rows, (columns * bits) / 8];
  const weight = await w.file.stream(w.graph, `${name}.weight`, "uint8", dims, async (append) => {
    for await (const piece of pieces) {
      scales.set(piece.scales, at);
      at += piece.scales.length;
      await append(piece.levels);
    }
  });
  return [weight, await w.file.add(w.graph, `${name}.scale`, scales, [count, rows, ...blocks])];
}

async function* gatedFloats(w: Weights, { gates, ups }: ExpertParts, columns: number) {
  const upPieces = floatPieces(w, ups, columns);
  for await (const gate of floatPieces(w, gates, columns)) {
    const up = await following(upPieces);
    yield { values: new Float32Array(alternate(gate.values, up.values, columns).buffer) };
  }
}

async function* gatedInts(w: Weights, { gates, ups }: ExpertParts, columns: number, format: IntFormat) {
  const upPieces = intPieces(w, ups, columns, format);
  for await (const gate of intPieces(w, gates, columns, format)) {
    const up = await following(upPieces);
    const scales = alternate(gate.scales, up.scales, columns / format.block);
    yield {
      levels: alternate(gate.levels, up.levels, (columns * format.bits) / 8),
      scales: new Float32Array(scales.buffer),
    };
  }
}

/** Gates and ups have one shape, and come in the same pieces. */
async function following<T>(pieces: AsyncGenerator<T>): Promise<T> {
  const { value, done } = await pieces.next();
  if (done === true) throw new Error("There are fewer rows to go up than gates.");
  return value;
}

/** Rows of `rowLength` elements, one of `a` and one of `b` in turn, as bytes. */
function alternate<T extends Float32Array | Uint8Array>(a: T, b: T, rowLength: number): Uint8Array<ArrayBuffer> {
  const [first, second] = [bytesOf(a), bytesOf(b)];
  const rowBytes = rowLength * a.BYTES_PER_ELEMENT;
  const rows = new Uint8Array(first.length + second.length);
  for (let at = 0; at < first.length; at += rowBytes) {
    rows.set(first.subarray(at, at + rowBytes), 2 * at);
    rows.set(second.subarray(at, at + rowBytes), 2 * at + rowBytes);
  }
  return rows;
}

function bytesOf(values: Float32Array | Uint8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Multiplies each row with what its chosen experts' shares of all experts add up to: the kernels divide by it. */
function addShares({ graph }: Weights, name: string, output: Value, scores: Value, perToken: number): Value {
  const shares = graph.node(`${name}.shares`, "Softmax", [scores], { attributes: { axis: -1 } });
  const outputs = [`${name}.chosen`, `${name}.chosen_experts`];
  const chosen = graph.node(`${name}.chosen`, "TopK", [shares, graph.shape(`top_${perToken}`, [perToken])], {
    outputs,
  });
  const sum = graph.node(`${name}.sum`, "ReduceSum", [chosen, graph.shape("last_axis", [-1])]);
  return graph.node(`${name}.weighted`, "Mul", [output, sum]);
}
