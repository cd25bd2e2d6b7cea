/** Padded tokens that one run computes: enough to keep the cores busy, few enough to stop soon when a client leaves. */
const BATCH_TOKENS = 2048;
/** Texts of one run. */
const BATCH_TEXTS = 32;
/** A text shorter than this share of the longest waits for company of its own length: padding is computed too. */
const LEAST_FILL = 0.75;

/** Groups texts of like lengths for one run each: lists of their indices, the longest texts first. */
export function batchByLength(lengths: readonly number[]): number[][] {
  const batches: number[][] = [];
  let batch: number[] = [];
  let longest = 0;
  const order = [...lengths.keys()].toSorted((a, b) => (lengths[b] ?? 0) - (lengths[a] ?? 0));
  for (const index of order) {
    const length = lengths[index] ?? 0;
    const isFull = batch.length === BATCH_TEXTS || (batch.length + 1) * longest > BATCH_TOKENS;
    if (batch.length === 0 || isFull || length < longest * LEAST_FILL) {
      batch = [];
      batches.push(batch);
      longest = length;
    }
    batch.push(index);
  }
  return batches;
}
