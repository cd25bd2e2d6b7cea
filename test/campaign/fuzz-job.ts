import { z } from "zod";

/** Cases [from, from + count) of a target. */
export const fuzzJobSchema = z.object({
  target: z.string(),
  /** An empty one, which the parent removes. */
  folder: z.string(),
  seed: z.number().int(),
  from: z.number().int().nonnegative(),
  count: z.number().int().positive(),
});
export type FuzzJob = z.infer<typeof fuzzJobSchema>;

/** What became of one case. */
export const fuzzReportSchema = z.object({
  index: z.number().int().nonnegative(),
  outcome: z.enum(["read", "refused"]),
  /** Set where it was neither: the error with its stack. */
  finding: z.string().optional(),
});
export type FuzzReport = z.infer<typeof fuzzReportSchema>;
