import { z } from "zod";
import { keepAliveSchema } from "./request.ts";

/** Limits of one request for embeddings, each with its reason. */
export const EMBED_LIMITS = {
  /** Texts of one request: what clients of OpenAI's API send at most. */
  inputs: 2048,
  /** Tokens of one text that was tokenized by the client; no embedding model takes more. */
  inputTokens: 131_072,
  /** Numbers in one answer, 16 MiB as float32: as JSON they still fit the memory of a Worker. */
  resultFloats: 4 * 1024 * 1024,
} as const;

const tokenId = z.number().int().nonnegative().max(0xffffffff);

/** The canonical request for embeddings; like GenerateRequest, every dialect is translated to it. */
export const embedRequestSchema = z.object({
  model: z.string().min(1).max(256),
  /** Each a text, or the ids of a text's tokens in this model's own vocabulary, without those that begin and end a text. */
  inputs: z
    .array(z.union([z.string(), z.array(tokenId).min(1).max(EMBED_LIMITS.inputTokens)]))
    .min(1)
    .max(EMBED_LIMITS.inputs),
  /** Keeps the first so many components and normalises again (Matryoshka embeddings, arXiv:2205.13147); at most the model's. */
  dimensions: z.number().int().min(1).max(65_536).optional(),
  /** Which of the model's own prompts to put before each text: a question looks for documents. Absent: the model's default. */
  purpose: z.enum(["query", "document"]).optional(),
  /** Whether a text that is too long is cut; otherwise it is an error. */
  truncate: z.boolean().default(false),
  /** As GenerateRequest's. */
  keepAliveMs: keepAliveSchema.optional(),
});
export type EmbedRequest = z.infer<typeof embedRequestSchema>;

/** One vector for each input, in their order, all of one length. */
export interface EmbedResult {
  vectors: Float32Array[];
  /** Tokens of all inputs, with those that begin and end a text. */
  promptTokens: number;
}
