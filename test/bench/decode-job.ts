import { z } from "zod";
import { quantizationSchema } from "../../shared/inference/model.ts";

/** Sequences that the largest step decodes. */
export const SLOTS = 4;

export const jobSchema = z.object({
  folder: z.string(),
  cacheDir: z.string(),
  quantization: quantizationSchema,
  contextLength: z.number().int().positive(),
  promptTokens: z.number().int().positive(),
  steps: z.number().int().positive(),
  /** Loads the model and does nothing else: the first time, that is its conversion. */
  loadOnly: z.boolean(),
});
export type Job = z.infer<typeof jobSchema>;

export const measuredSchema = z.object({
  loadMs: z.number(),
  prefillTokensPerSecond: z.number().optional(),
  /** A step's duration at batch 1 and batch 4: the median, and the least (what an undisturbed machine would do). */
  batch1Ms: z.number().optional(),
  batch1BestMs: z.number().optional(),
  batch4Ms: z.number().optional(),
  batch4BestMs: z.number().optional(),
  /** Memory of this process alone, and of files it maps (the weights, but also Node itself), after the run; Linux only. */
  privateBytes: z.number().optional(),
  fileBytes: z.number().optional(),
  /** The most that was resident at any time. */
  peakBytes: z.number(),
});
export type Measured = z.infer<typeof measuredSchema>;
