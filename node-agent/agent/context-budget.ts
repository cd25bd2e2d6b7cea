import { PorchlightError } from "../../shared/errors.ts";
import { readEmbeddingFiles } from "../model/embedding/files.ts";
import { modelError } from "../model/model-error.ts";
import { type ModelShape, readModelShape } from "../model/model-files.ts";

/** Share of the memory that keys and values of one model may take. */
const KV_SHARE = 1 / 6;
/** Below this a conversation is no use; a machine that small has to live with more memory than its share. */
const LEAST_POSITIONS = 512;

/** What a model's cache has to fit. */
export interface ContextWanted {
  /** Conversations at once. */
  slots: number;
  /** For all models together. */
  memoryBytes: number;
  /** Tokens of one conversation, as somebody chose them; absent: all that there is memory for. */
  contextLength?: number | undefined;
}

/** How much a model may remember. */
export interface KvBudget {
  /** Positions that one conversation may take: as many as are wanted, and at most those the model can take. */
  contextLength: number;
  /** Memory for keys and values of all its conversations, running and past. */
  kvBytes: number;
}

/**
 * What of the memory a model's KV cache (two fp32 vectors of kv_heads * head_dim a layer and position) may take: its share, or as much as
 * `slots` conversations of full length and as many past ones. A context that was chosen is kept even where it takes more than the share.
 */
export async function kvBudget(folder: string, wanted: ContextWanted): Promise<KvBudget> {
  return budgetOf(await readModelShape(folder), wanted);
}

/** Throws `invalid_request`, with the numbers, where the context that was chosen is more than a model can take or than there is memory for. */
export async function checkContext(
  { name, folder }: { name: string; folder: string },
  { contextLength, memoryBytes }: ContextWanted,
): Promise<void> {
  if (contextLength === undefined) return;
  const shape = await readModelShape(folder);
  if (contextLength > shape.maxPositions) {
    throw new PorchlightError(
      "invalid_request",
      `A context of ${contextLength} tokens is more than ${name} can take, which is ${shape.maxPositions}. Choose at most that.`,
    );
  }
  const bytes = contextLength * bytesPerPosition(shape);
  if (bytes <= memoryBytes) return;
  const most = Math.floor(memoryBytes / bytesPerPosition(shape));
  throw new PorchlightError(
    "invalid_request",
    `A context of ${contextLength} tokens takes ${gigabytes(bytes)} with ${name}, more than the ${gigabytes(memoryBytes)} ` +
      `there are for models. Choose at most ${most}, or give more memory.`,
  );
}

/**
 * Tokens of one text that fit: what the model was made for, or fewer where the cache of a decoder, or the attention scores of an
 * encoder (an fp32 number a head for each pair of tokens, and the same once more for their softmax), would take more than that share.
 */
export async function embeddingContextWithin(folder: string, memoryBytes: number): Promise<number> {
  const files = await readEmbeddingFiles(folder);
  if (files === undefined) throw modelError(`${folder} is no model for embeddings.`);
  const { body, maxTokens } = files;
  if (body.kind === "decoder")
    return Math.min(maxTokens, budgetOf(body.config, { slots: 1, memoryBytes }).contextLength);
  const pairs = (memoryBytes * KV_SHARE) / (body.config.heads * 2 * Float32Array.BYTES_PER_ELEMENT);
  return Math.min(maxTokens, Math.max(LEAST_POSITIONS, Math.floor(Math.sqrt(pairs))));
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toPrecision(3)} GB`;
}

type CacheShape = Pick<ModelShape, "layers" | "kvHeads" | "headDim" | "maxPositions">;

function bytesPerPosition({ layers, kvHeads, headDim }: CacheShape): number {
  return layers * 2 * kvHeads * headDim * Float32Array.BYTES_PER_ELEMENT;
}

function budgetOf(shape: CacheShape, { slots, memoryBytes, contextLength }: ContextWanted): KvBudget {
  const longest = Math.min(shape.maxPositions, contextLength ?? shape.maxPositions);
  const least = contextLength === undefined ? Math.min(longest, LEAST_POSITIONS) : longest;
  const positions = Math.max(least, Math.floor((memoryBytes * KV_SHARE) / bytesPerPosition(shape)));
  return {
    contextLength: Math.min(longest, positions),
    kvBytes: Math.min(positions, 2 * slots * longest) * bytesPerPosition(shape),
  };
}
