/**
 * One loaded embedding model on one device: all that the engine knows of it. Token ids in, vectors out. Calls do not overlap; each
 * occupies the thread until it is done.
 */
export interface Embedder {
  /** Components of a vector. */
  readonly dimensions: number;
  /** Tokens of one text, with those that begin and end it. */
  readonly maxTokens: number;
  /** Whether several texts in one call are faster than one at a time. */
  readonly batches: boolean;
  /** One vector of length 1 for each text; a text has at least one and at most `maxTokens` tokens. */
  embed(texts: readonly (readonly number[])[]): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}
