import { z } from "zod";

/** What a plugin was asked before an answer, and what came of it. */
export const asideTraceSchema = z.object({
  /** `@publisher/name`. */
  plugin: z.string(),
  part: z.enum(["beforeTurn", "knowledge"]),
  /** The call's record. */
  call: z.string(),
  ms: z.number(),
  /** Characters that went along with the question. */
  characters: z.number().int(),
  /** Passages that went along, by the numbers that the answer cites them by. */
  sources: z.array(z.object({ number: z.number().int(), title: z.string(), url: z.string().optional() })).optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type AsideTrace = z.infer<typeof asideTraceSchema>;
