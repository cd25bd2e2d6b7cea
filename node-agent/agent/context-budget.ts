import { readEmbeddingFiles } from "../model/embedding/files.ts";
import { modelError } from "../model/model-error.ts";
import { type ModelShape, readModelShape } from "../model/model-files.ts";

/** Share of the memory that keys and values of one model may take. */
const KV_SHARE = 1 / 6;
/** Below this a conversation is no use; a machine that small has to live with more memory than its share. */
const LEAST_POSITIONS = 512;

/** How much a model may remember. */
export interface KvBudget {
  /** Positions that one conversation may take: all that there are, or as many as the model was trained for. */
  contextLength: number;
  /** Memory for keys and values of all its conversations, running and past. */
  kvBytes: number;
}

/**
 * What of the memory a model's KV cache (two fp32 vectors of kv_heads * head_dim a layer and position) may take: its share, or as much as
 * `slots` conversations of the trained length and as many past ones.
 */
export async function kvBudget(folder: string, slots: number, memoryBytes: number): Promise<KvBudget> {
  return budgetOf(await readModelShape(folder), slots, memoryBytes);
}

/**
 * Tokens of one text that fit: what the model was made for, or fewer where the cache of a decoder, or the attention scores of an
 * encoder (an fp32 number a head for each pair of tokens, and the same once more for their softmax), would take more than that share.
 */
export async function embeddingContextWithin(folder: string, memoryBytes: number): Promise<number> {
  const files = await readEmbeddingFiles(folder);
  if (files === undefined) throw modelError(`${folder} is no model for embeddings.`);
  const { body, maxTokens } = files;
  if (body.kind === "decoder") return Math.min(maxTokens, budgetOf(body.config, 1, memoryBytes).contextLength);
  const pairs = (memoryBytes * KV_SHARE) / (body.config.heads * 2 * Float32Array.BYTES_PER_ELEMENT);
  return Math.min(maxTokens, Math.max(LEAST_POSITIONS, Math.floor(Math.sqrt(pairs))));
}

function budgetOf(config: Omit<ModelShape, "architecture">, slots: number, memoryBytes: number): KvBudget {
  const { layers, kvHeads, headDim, maxPositions } = config;
  const bytesPerPosition = layers * 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
  const least = Math.min(maxPositions, LEAST_POSITIONS);
  const positions = Math.max(least, Math.floor((memoryBytes * KV_SHARE) / bytesPerPosition));
  return {
    contextLength: Math.min(maxPositions, positions),
    kvBytes: Math.min(positions, 2 * slots * maxPositions) * bytesPerPosition,
  };
}
