import { z } from "zod";
import { quantizationSchema } from "../../shared/inference/model.ts";

export const convertJobSchema = z.object({
  folder: z.string(),
  cacheDir: z.string(),
  quantization: quantizationSchema,
});
export type ConvertJob = z.infer<typeof convertJobSchema>;

export const convertedSchema = z.object({
  /** Weights read, rounded and written; the graph compiled for this CPU; the result opened. */
  convertMs: z.number(),
  compileMs: z.number(),
  openMs: z.number(),
  /** The rounded weights, before they are compiled; the compiled files keep them and add packed copies. */
  weightBytes: z.number(),
  /** The most that was resident until the weights were written, and at any time, by the kernel's own account. */
  convertPeakBytes: z.number(),
  peakBytes: z.number(),
});
export type Converted = z.infer<typeof convertedSchema>;
