import { z } from "zod";
import { importedSessionSchema } from "./conversation.ts";
import { IMPORT_LIMITS } from "./limits.ts";

/** The body of `POST /api/sessions/import`. */
export const importBatchSchema = z.strictObject({
  sessions: z.array(importedSessionSchema).min(1).max(IMPORT_LIMITS.batchSessions),
});
export type ImportBatch = z.infer<typeof importBatchSchema>;

/** What became of each, in the order of the request. `known`: it was there already, and is as it was. */
export const importAnswerSchema = z.object({
  sessions: z.array(
    z.object({
      state: z.enum(["added", "known", "refused"]),
      /** Of the session here; null where there is none. */
      id: z.string().nullable(),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
  ),
});
export type ImportAnswer = z.infer<typeof importAnswerSchema>;
