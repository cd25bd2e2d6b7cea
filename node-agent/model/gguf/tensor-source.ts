import { modelError } from "../model-error.ts";
import type { TensorSource } from "../tensor-source.ts";
import { architectureOf } from "./architectures.ts";
import { decodeBlocks } from "./blocks.ts";
import type { GgufTensor } from "./header.ts";
import { headCounts } from "./metadata-config.ts";
import { type GgufFile, openGguf } from "./reader.ts";
import { huggingFaceName } from "./tensor-names.ts";
import { TENSOR_TYPES } from "./tensor-types.ts";

/** A tensor under its Hugging Face name. `heads` is set where rows have to be put back into that order. */
interface NamedTensor extends GgufTensor {
  readonly heads: number | undefined;
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
  return {
    tensors,
    async read(name, start, count) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw modelError(`${file.name} has no tensor ${name}.`);
      if (start < 0 || start + count > tensor.elements)
        throw new RangeError(`${name} has no elements [${start}, +${count}).`);
      const { heads } = tensor;
      return heads === undefined
        ? await readElements(file, tensor, start, count)
        : await readUninterleaved(file, tensor, heads, start, count);
    },
    close: () => file.close(),
  };
}

function namedTensors(file: GgufFile): Map<string, NamedTensor> {
  const { interleavedRope } = architectureOf(file);
  const counts = headCounts(file);
  const tensors = new Map<string, NamedTensor>();
  for (const [ggufName, tensor] of file.tensors) {
    const name = huggingFaceName(ggufName);
    if (name === undefined) continue;
    const projection = /self_attn\.([qk])_proj\./u.exec(name)?.[1];
    const heads = projection === "q" ? counts.heads : projection === "k" ? counts.kvHeads : undefined;
    tensors.set(name, { ...tensor, heads: interleavedRope ? heads : undefined });
  }
  return tensors;
}

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

/**
 * Elements of a query or key matrix whose rows llama.cpp interleaved: in the file, the two halves of a head alternate, row 2i being
 * row i of the first half and row 2i + 1 row i of the second. Whole heads are read and put back.
 */
async function readUninterleaved(
  file: GgufFile,
  tensor: NamedTensor,
  heads: number,
  start: number,
  count: number,
): Promise<Float32Array> {
  const [rows = 0, columns = 1] = tensor.shape;
  const headRows = rows / heads;
  if (!Number.isInteger(headRows / 2))
    throw modelError(`${file.name}: ${rows} rows are not ${heads} heads of even size.`);
  const headElements = headRows * columns;
  const firstHead = Math.floor(start / headElements);
  const endHead = Math.ceil((start + count) / headElements);
  const from = firstHead * headElements;
  const stored = await readElements(file, tensor, from, endHead * headElements - from);
  const ordered = new Float32Array(stored.length);
  for (let row = 0; row < stored.length / columns; row++) {
    const inHead = row % headRows;
    const target = row - inHead + (inHead % 2) * (headRows / 2) + (inHead >> 1);
    ordered.set(stored.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return ordered.slice(start - from, start - from + count);
}
