import type { Int4Rows } from "../quantize.ts";
import { halfAt } from "./block.ts";
import { TENSOR_TYPES } from "./tensor-types.ts";

const { elements: BLOCK, bytes: BLOCK_BYTES } = TENSOR_TYPES.Q4_0;

/**
 * Q4_0 blocks in the layout of MatMulNBits, bit for bit: both have unsigned levels around 8 and a scale per block; only the order of a
 * block's halves differs (first 16 weights low and last 16 high, against neighbours in one byte).
 */
export function toInt4Rows(blocks: Uint8Array): Int4Rows {
  const count = blocks.byteLength / BLOCK_BYTES;
  const packed = new Uint8Array((count * BLOCK) / 2);
  const scales = new Float32Array(count);
  for (let block = 0; block < count; block++) {
    const from = block * BLOCK_BYTES + 2;
    const to = (block * BLOCK) / 2;
    scales[block] = halfAt(blocks, from - 2);
    for (let i = 0; i < BLOCK / 4; i++) {
      const [even, odd] = [blocks[from + 2 * i] ?? 0, blocks[from + 2 * i + 1] ?? 0];
      packed[to + i] = (even & 15) | ((odd & 15) << 4);
      packed[to + BLOCK / 4 + i] = (even >> 4) | (odd & 0xf0);
    }
  }
  return { packed, scales };
}
