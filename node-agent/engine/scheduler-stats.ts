import { z } from "zod";

const count = z.number().int().nonnegative();

/** Counters since the model was loaded; `waiting` and `running` are of this moment. */
export const schedulerStatsSchema = z.object({
  prefillSteps: count,
  prefillTokens: count,
  /** Prompt tokens whose keys and values were still there. */
  cachedTokens: count,
  decodeSteps: count,
  /** Tokens of all decode steps: divided by `decodeSteps`, the mean batch. */
  decodeTokens: count,
  largestBatch: count,
  /** Tokens that were guessed and then checked by the model, and those of them that were right. */
  draftedTokens: count,
  acceptedTokens: count,
  /** Sequences that gave their memory up to others and were computed again later. */
  preemptions: count,
  /** Sequences that outgrew a stage of the decoder and were computed again for the next one. */
  outgrown: count,
  /** Memory of the KV cache: of slots, and of prefixes kept for later. */
  slotBytes: count,
  prefixBytes: count,
  waiting: count,
  running: count,
  slots: count,
});
export type SchedulerStats = z.infer<typeof schedulerStatsSchema>;
