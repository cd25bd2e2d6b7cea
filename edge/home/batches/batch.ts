import { z } from "zod";
import { callerSchema } from "../../credentials/key-grant.ts";
import { endpointSchema } from "./line.ts";

const metadataSchema = z.record(z.string().max(64), z.string().max(512));

/** How a batch stands; the last four are ends. */
export const batchStatusSchema = z.enum([
  "in_progress",
  "cancelling",
  "finalizing",
  "completed",
  "cancelled",
  "expired",
  "failed",
]);
export type BatchStatus = z.infer<typeof batchStatusSchema>;

/** A batch as it is kept, as JSON. Times are Unix milliseconds. */
export const batchSchema = z.object({
  id: z.string(),
  caller: callerSchema,
  userId: z.string(),
  endpoint: endpointSchema,
  inputFileId: z.string(),
  outputFileId: z.string().nullable(),
  errorFileId: z.string().nullable(),
  status: batchStatusSchema,
  /** What it becomes once its files are written. */
  ends: z.enum(["completed", "cancelled", "expired"]).nullable(),
  errors: z.array(z.object({ code: z.string(), message: z.string(), line: z.number(), param: z.string().nullable() })),
  metadata: metadataSchema.nullable(),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  /** When it took each status. */
  at: z.partialRecord(batchStatusSchema, z.number()),
});
export type Batch = z.infer<typeof batchSchema>;

/** How many lines there are, and how many have ended each way. */
export interface LineCounts {
  total: number;
  completed: number;
  failed: number;
}
export type BatchView = Omit<Batch, "caller"> & { counts: LineCounts };

/** What a new batch is asked for with. */
export type NewBatch = Pick<Batch, "caller" | "userId" | "endpoint" | "inputFileId" | "metadata">;

export function hasEnded({ status }: Pick<Batch, "status">): boolean {
  return status === "completed" || status === "cancelled" || status === "expired" || status === "failed";
}
