import type { Quantization } from "../../../shared/inference/model.ts";
import { modelError } from "../model-error.ts";
import type { StoredTensor } from "../safetensors-header.ts";
import type { IntFormat, TensorEntry } from "../tensor-source.ts";

/**
 * Matrices in integers as the compressed-tensors format has them in safetensors files, written by llm-compressor and by us:
 *
 * - `pack-quantized`: NAME.weight_packed, I32 [rows, columns x bits / 32], unsigned levels around the middle of their range, earlier ones
 *   in lower bits; NAME.weight_scale [rows, groups]; NAME.weight_shape, [rows, columns] as two integers.
 * - `int-quantized`: NAME.weight, I8 [rows, columns], signed levels; NAME.weight_scale [rows, 1].
 *
 * Bytes of packed levels are those of our kernels; nothing has to be moved.
 */
export interface IntMatrix extends TensorEntry {
  readonly format: IntFormat;
  /** Tensors of the file that hold its levels and its scales. */
  readonly levels: string;
  readonly scales: string;
  /** Levels are signed bytes. */
  readonly signed: boolean;
}

/** Parts of an integer matrix that stand beside its levels. */
const PARTS = ["weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "input_scale", "input_zero_point"];
/** Smallest group that a kernel takes. */
const SMALLEST_BLOCK = 16;

/** The matrices held in integers, under the name NAME.weight. Throws `model_load_failed` for a layout that no kernel of ours takes. */
export async function findIntMatrices(
  tensors: ReadonlyMap<string, StoredTensor>,
  readShape: (name: string) => Promise<readonly number[]>,
): Promise<Map<string, IntMatrix>> {
  const found = new Map<string, IntMatrix>();
  for (const [name, tensor] of tensors) {
    const packed = name.endsWith(".weight_packed");
    if (!packed && !(name.endsWith(".weight") && tensor.dtype === "I8")) continue;
    const module = name.slice(0, name.lastIndexOf("."));
    const shape = packed ? await shapeOf(tensors, `${module}.weight_shape`, readShape) : tensor.shape;
    found.set(`${module}.weight`, intMatrix(tensors, name, tensor, shape));
  }
  return found;
}

/** The tensors as a reader of real numbers would list them: integer matrices once, and none of their parts. */
export function listTensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  ints: ReadonlyMap<string, IntMatrix>,
): Map<string, TensorEntry> {
  const isPart = (name: string) => {
    const dot = name.lastIndexOf(".");
    const part = name.slice(dot + 1);
    return (part === "weight_packed" || PARTS.includes(part)) && ints.has(`${name.slice(0, dot)}.weight`);
  };
  const reals = [...tensors].filter(([name]) => !isPart(name) && !ints.has(name));
  return new Map<string, TensorEntry>([...reals, ...ints]);
}

/** The precision of most of the weights in layers; undefined if no matrix is held in integers. */
export function mainQuantization(tensors: ReadonlyMap<string, TensorEntry>, ints: ReadonlyMap<string, IntMatrix>) {
  if (ints.size === 0) return undefined;
  const weights: Record<Quantization, number> = { fp32: 0, int8: 0, int4: 0 };
  for (const [name, { shape, elements }] of tensors) {
    if (shape.length !== 2 || !name.includes(".layers.")) continue;
    const bits = ints.get(name)?.format.bits;
    weights[bits === 4 ? "int4" : bits === 8 ? "int8" : "fp32"] += elements;
  }
  const order = ["int4", "int8", "fp32"] as const;
  return order.reduce((most, next) => (weights[next] > weights[most] ? next : most));
}

async function shapeOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  name: string,
  readShape: (name: string) => Promise<readonly number[]>,
): Promise<readonly number[]> {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw modelError(`The model's files have no tensor ${name}.`);
  if (tensor.elements !== 2) throw modelError(`Tensor ${name} should hold two numbers.`);
  const shape = await readShape(name);
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim > 0 && dim <= 1 << 24)) {
    throw modelError(`Tensor ${name} holds ${shape.join(" and ")}, which is no matrix's shape.`);
  }
  return shape;
}

function intMatrix(
  tensors: ReadonlyMap<string, StoredTensor>,
  levels: string,
  tensor: StoredTensor,
  shape: readonly number[],
): IntMatrix {
  const module = levels.slice(0, levels.lastIndexOf("."));
  const [rows = 0, columns = 0] = shape;
  const refuse = (why: string) => modelError(`Tensor ${levels}: ${why}`);
  if (tensors.has(`${module}.weight_g_idx`))
    throw refuse("columns in the order of their activations are not supported.");
  if (tensors.has(`${module}.weight_zero_point`)) throw refuse("only symmetric quantisation is supported.");
  const scales = `${module}.weight_scale`;
  const scale = tensors.get(scales);
  if (scale === undefined) throw modelError(`The model's files have no tensor ${scales}.`);
  const signed = tensor.dtype === "I8";
  if (shape.length !== 2 || tensor.shape.length !== 2 || tensor.shape[0] !== rows || scale.shape[0] !== rows) {
    throw refuse(`its levels are [${tensor.shape.join(", ")}] and its scales [${scale.shape.join(", ")}].`);
  }
  const bits = signed ? 8 : bitsOf(tensor, columns);
  if (bits === undefined) throw refuse(`its levels are [${tensor.shape.join(", ")}] for [${shape.join(", ")}].`);
  const groups = scale.shape.length === 1 ? 1 : (scale.shape[1] ?? 0);
  const block = columns / groups;
  if (scale.shape.length > 2 || !Number.isInteger(block) || (groups > 1 && block % SMALLEST_BLOCK !== 0)) {
    throw refuse(`groups of ${block} weights are not supported: they must be a multiple of ${SMALLEST_BLOCK}.`);
  }
  return { shape: [rows, columns], elements: rows * columns, format: { bits, block }, levels, scales, signed };
}

/** Bits of a packed level, of which whole words make up a row. */
function bitsOf({ dtype, shape }: StoredTensor, columns: number): 4 | 8 | undefined {
  const words = shape[1] ?? 0;
  if (dtype !== "I32") return undefined;
  if (words * 8 === columns) return 4;
  return words * 4 === columns ? 8 : undefined;
}
