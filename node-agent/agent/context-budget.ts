import { readModelConfig } from "../model/model-files.ts";

/** Share of the memory that the KV cache of one model may take. */
const KV_SHARE = 1 / 8;
/** Below this a conversation is no use; a machine that small has to live with more memory than its share. */
const LEAST_POSITIONS = 512;

/**
 * Positions per slot that fit: what the model was trained for, or fewer where its KV cache (two fp32 vectors of kv_heads * head_dim a
 * layer and position, in each slot) would take more than its share of the memory.
 */
export async function contextWithin(folder: string, slots: number, memoryBytes: number): Promise<number> {
  const { layers, kvHeads, headDim, maxPositions } = await readModelConfig(folder);
  const bytesPerPosition = slots * layers * 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
  const fitting = Math.floor((memoryBytes * KV_SHARE) / bytesPerPosition);
  return Math.min(maxPositions, Math.max(LEAST_POSITIONS, fitting));
}
