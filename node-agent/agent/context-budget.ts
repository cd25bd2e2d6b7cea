import { readEmbeddingFiles } from "../model/embedding/files.ts";
import { modelError } from "../model/model-error.ts";
import { type ModelShape, readModelShape } from "../model/model-files.ts";

/** Share of the memory that the KV cache of one model may take. */
const KV_SHARE = 1 / 8;
/** Below this a conversation is no use; a machine that small has to live with more memory than its share. */
const LEAST_POSITIONS = 512;

/**
 * Positions per slot that fit: what the model was trained for, or fewer where its KV cache (two fp32 vectors of kv_heads * head_dim a
 * layer and position, in each slot) would take more than its share of the memory.
 */
export async function contextWithin(folder: string, slots: number, memoryBytes: number): Promise<number> {
  return cacheWithin(await readModelShape(folder), slots, memoryBytes);
}

/**
 * Tokens of one text that fit: what the model was made for, or fewer where the cache of a decoder, or the attention scores of an
 * encoder (an fp32 number a head for each pair of tokens, and the same once more for their softmax), would take more than that share.
 */
export async function embeddingContextWithin(folder: string, memoryBytes: number): Promise<number> {
  const files = await readEmbeddingFiles(folder);
  if (files === undefined) throw modelError(`${folder} is no model for embeddings.`);
  const { body, maxTokens } = files;
  if (body.kind === "decoder") return Math.min(maxTokens, cacheWithin(body.config, 1, memoryBytes));
  const pairs = (memoryBytes * KV_SHARE) / (body.config.heads * 2 * Float32Array.BYTES_PER_ELEMENT);
  return Math.min(maxTokens, Math.max(LEAST_POSITIONS, Math.floor(Math.sqrt(pairs))));
}

function cacheWithin(config: Omit<ModelShape, "architecture">, slots: number, memoryBytes: number): number {
  const { layers, kvHeads, headDim, maxPositions } = config;
  const bytesPerPosition = slots * layers * 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
  const fitting = Math.floor((memoryBytes * KV_SHARE) / bytesPerPosition);
  return Math.min(maxPositions, Math.max(LEAST_POSITIONS, fitting));
}
