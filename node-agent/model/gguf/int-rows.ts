import type { IntFormat, IntRows } from "../tensor-source.ts";
import { halfAt } from "./block.ts";
import { TENSOR_TYPES, type TensorTypeName } from "./tensor-types.ts";

/** A block type whose numbers a kernel takes as they are. */
interface IntType {
  format: IntFormat;
  toRows(blocks: Uint8Array): IntRows;
}

/** Types with signed levels and one scale a block, and how their bytes become rows: bit for bit, nothing is rounded. */
export const INT_TYPES: Partial<Record<TensorTypeName, IntType>> = {
  Q4_0: { format: { bits: 4, block: TENSOR_TYPES.Q4_0.elements }, toRows: fromQ4 },
  Q8_0: { format: { bits: 8, block: TENSOR_TYPES.Q8_0.elements }, toRows: fromQ8 },
};

/** Both sides have unsigned levels around 8; only the order of a block's halves differs (first 16 weights low and last 16 high, against neighbours in one byte). */
function fromQ4(blocks: Uint8Array): IntRows {
  const { elements, bytes } = TENSOR_TYPES.Q4_0;
  const count = blocks.byteLength / bytes;
  const levels = new Uint8Array((count * elements) / 2);
  const scales = new Float32Array(count);
  for (let block = 0; block < count; block++) {
    const from = block * bytes + 2;
    const to = (block * elements) / 2;
    scales[block] = halfAt(blocks, from - 2);
    for (let i = 0; i < elements / 4; i++) {
      const [even, odd] = [blocks[from + 2 * i] ?? 0, blocks[from + 2 * i + 1] ?? 0];
      levels[to + i] = (even & 15) | ((odd & 15) << 4);
      levels[to + elements / 4 + i] = (even >> 4) | (odd & 0xf0);
    }
  }
  return { levels, scales };
}

/** Signed bytes in two's complement become unsigned ones around 128 by turning the highest bit over. */
function fromQ8(blocks: Uint8Array): IntRows {
  const { elements, bytes } = TENSOR_TYPES.Q8_0;
  const count = blocks.byteLength / bytes;
  const levels = new Uint8Array(count * elements);
  const scales = new Float32Array(count);
  for (let block = 0; block < count; block++) {
    const from = block * bytes + 2;
    scales[block] = halfAt(blocks, from - 2);
    for (let i = 0; i < elements; i++) levels[block * elements + i] = (blocks[from + i] ?? 0) ^ 0x80;
  }
  return { levels, scales };
}
