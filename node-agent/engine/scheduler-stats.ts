import { z } from "zod";

const count = z.number().int().nonnegative();

/** Counters since the model was loaded; `waiting` and `running` are of this moment. */
export const schedulerStatsSchema = z.object({
  prefillSteps: count,
  prefillTokens: count,
  /** Prompt tokens that were still in a slot. */
  cachedTokens: count,
  decodeSteps: count,
  /** Tokens of all decode steps: divided by `decodeSteps`, the mean batch. */
  decodeTokens: count,
  largestBatch: count,
  waiting: count,
  running: count,
  slots: count,
});
export type SchedulerStats = z.infer<typeof schedulerStatsSchema>;
