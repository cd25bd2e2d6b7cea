import { modelError } from "../model-error.ts";
import type { TensorEntry, TensorSource } from "../tensor-source.ts";
import { architectureOf } from "./architectures.ts";
import { decodeBlocks } from "./blocks.ts";
import { INT_TYPES } from "./int-rows.ts";
import type { GgufTensor } from "./header.ts";
import { headCounts } from "./metadata-config.ts";
import { type GgufFile, openGguf } from "./reader.ts";
import { expertNames, huggingFaceName } from "./tensor-names.ts";
import { TENSOR_TYPES } from "./tensor-types.ts";

/** A tensor under its Hugging Face name. `heads` is set where rows have to be put back into that order. */
interface NamedTensor extends GgufTensor, TensorEntry {
  readonly heads: number | undefined;
  /** Subtracted from what the file has. */
  readonly excess: number;
}

/**
 * Opens a GGUF file's weights for reading, under the names and in the order that Hugging Face files have them. Weights are decoded as
 * they are read. The caller closes it. Throws `model_load_failed`.
 */
export async function openGgufTensors(path: string): Promise<TensorSource> {
  const file = await openGguf(path);
  try {
    return tensorSource(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function tensorSource(file: GgufFile): TensorSource {
  const tensors = namedTensors(file);
  const find = (name: string) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw modelError(`${file.name} has no tensor ${name}.`);
    return tensor;
  };
  return {
    tensors,
    async read(name, start, count) {
      const tensor = find(name);
      if (start < 0 || start + count > tensor.elements)
        throw new RangeError(`${name} has no elements [${start}, +${count}).`);
      if (count === 0) return new Float32Array(0);
      if (tensor.heads !== undefined) return await readRowElements(file, tensor, start, count);
      const values = await readElements(file, tensor, start, count);
      return tensor.excess === 0 ? values : values.map((value) => value - tensor.excess);
    },
    ints: {
      formatOf: (name) => intTypeOf(tensors.get(name))?.format,
      read: async (name, row, rows) => {
        const tensor = find(name);
        const type = intTypeOf(tensor);
        if (type === undefined) throw new RangeError(`${name} is ${tensor.type}, not integers.`);
        return type.toRows(await readRows(file, tensor, row, rows));
      },
    },
    close: () => file.close(),
  };
}

/** Only matrices are held in integers: what is added to a vector's elements would be lost. */
function intTypeOf(tensor: NamedTensor | undefined) {
  return tensor === undefined || tensor.shape.length !== 2 ? undefined : INT_TYPES[tensor.type];
}

function namedTensors(file: GgufFile): Map<string, NamedTensor> {
  const architecture = architectureOf(file);
  const { interleavedRope, gemma } = architecture;
  const counts = headCounts(file);
  const tensors = new Map<string, NamedTensor>();
  for (const [ggufName, tensor] of file.tensors) {
    const plain = { dtype: tensor.type, heads: undefined, excess: 0 };
    for (const [name, matrix] of matricesOf(ggufName, tensor)) tensors.set(name, { ...matrix, ...plain });
    const name = huggingFaceName(ggufName, architecture);
    if (name === undefined) continue;
    const excess = gemma !== undefined && ggufName.endsWith("norm.weight") ? 1 : 0;
    const projection = /self_attn\.([qk])_proj\./u.exec(name)?.[1];
    const heads = projection === "q" ? counts.heads : projection === "k" ? counts.kvHeads : undefined;
    tensors.set(name, { ...tensor, dtype: tensor.type, heads: interleavedRope ? heads : undefined, excess });
  }
  return tensors;
}

/** The matrices of experts that a tensor [experts, rows, columns] is made of; none for another tensor. */
function* matricesOf(ggufName: string, tensor: GgufTensor): Generator<[string, GgufTensor]> {
  const nameOf = expertNames(ggufName);
  const [experts = 0, ...shape] = tensor.shape;
  const { elements, bytes } = TENSOR_TYPES[tensor.type];
  const each = tensor.elements / experts;
  // Rows are whole blocks: a matrix begins where one does.
  if (nameOf === undefined || shape.length !== 2 || experts > MAX_EXPERTS || each % elements !== 0) return;
  const length = (each / elements) * bytes;
  for (let expert = 0; expert < experts; expert++) {
    const offset = tensor.offset + expert * length;
    yield [nameOf(expert), { ...tensor, shape, elements: each, offset, bytes: length }];
  }
}

/** No model has nearly as many. */
const MAX_EXPERTS = 4096;

/** Elements of a tensor as the file has them: the blocks they are in are read and decoded. */
async function readElements(file: GgufFile, tensor: GgufTensor, start: number, count: number): Promise<Float32Array> {
  const block = TENSOR_TYPES[tensor.type];
  const first = Math.floor(start / block.elements);
  const end = Math.ceil((start + count) / block.elements);
  const bytes = await file.read(tensor.offset + first * block.bytes, (end - first) * block.bytes);
  const skipped = start - first * block.elements;
  const values = decodeBlocks(tensor.type, bytes);
  return values.length === count ? values : values.slice(skipped, skipped + count);
}

/** The same of a matrix whose rows have to be put in order: those that the elements are in are read whole. */
async function readRowElements(
  file: GgufFile,
  tensor: NamedTensor,
  start: number,
  count: number,
): Promise<Float32Array> {
  const columns = columnsOf(tensor);
  const row = Math.floor(start / columns);
  const end = Math.ceil((start + count) / columns);
  const values = decodeBlocks(tensor.type, await readRows(file, tensor, row, end - row));
  return values.slice(start - row * columns, start - row * columns + count);
}

/**
 * The bytes of a matrix's rows, in the order of the Hugging Face files. llama.cpp interleaves those of queries and keys: in the file, the
 * two halves of a head alternate, row 2i being row i of the first half and row 2i + 1 row i of the second. There, whole heads are read.
 */
async function readRows(file: GgufFile, tensor: NamedTensor, row: number, rows: number): Promise<Uint8Array> {
  const { elements, bytes } = TENSOR_TYPES[tensor.type];
  const rowBytes = (columnsOf(tensor) / elements) * bytes;
  if (!Number.isInteger(rowBytes))
    throw modelError(`${file.name}: a vector of its attention is ${tensor.type}; only matrices are.`);
  if (tensor.heads === undefined) return await file.read(tensor.offset + row * rowBytes, rows * rowBytes);
  const headRows = (tensor.shape[0] ?? 0) / tensor.heads;
  if (!Number.isInteger(headRows / 2)) {
    throw modelError(`${file.name}: ${tensor.shape[0]} rows are not ${tensor.heads} heads of even size.`);
  }
  const first = Math.floor(row / headRows) * headRows;
  const end = Math.ceil((row + rows) / headRows) * headRows;
  const stored = await file.read(tensor.offset + first * rowBytes, (end - first) * rowBytes);
  const ordered = new Uint8Array(rows * rowBytes);
  for (let i = 0; i < rows; i++) {
    const inHead = (row + i) % headRows;
    const half = inHead < headRows / 2 ? 0 : 1;
    const at = (row + i - inHead + 2 * (inHead - (half * headRows) / 2) + half - first) * rowBytes;
    ordered.set(stored.subarray(at, at + rowBytes), i * rowBytes);
  }
  return ordered;
}

/** Weights in a row; a vector's are one each. */
function columnsOf({ shape }: GgufTensor): number {
  return shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
}
