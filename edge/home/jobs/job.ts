import { z } from "zod";
import { type WireError, wireErrorSchema } from "../../../shared/errors.ts";
import { type Priority, prioritySchema } from "../../../shared/inference/request.ts";
import { type Caller, callerSchema } from "../../credentials/key-grant.ts";

export const JOB_STATES = ["queued", "running", "completed", "failed", "cancelled", "expired"] as const;
export const jobStateSchema = z.enum(JOB_STATES);
/** `queued` and `running` go on; a job ends once, in one of the others. */
export type JobState = z.infer<typeof jobStateSchema>;
export type EndState = Exclude<JobState, "queued" | "running">;

/** A job as it is asked for. */
export interface NewJob {
  /** The person whose it is. */
  userId: string;
  /** By whose limits it runs: the person's or that of one of their keys. */
  caller: Caller;
  model: string;
  priority: Priority;
  /** Milliseconds from now. */
  deadlineMs: number;
  /** Begins the list's line. */
  title: string;
  maxTokens?: number | undefined;
  /** The canonical request as JSON. */
  body: Uint8Array;
}

/** A job as it is stored, without its request and answer. Times are Unix milliseconds. */
export interface Job {
  /** Orders jobs by when they came. */
  seq: number;
  id: string;
  userId: string;
  caller: Caller;
  model: string;
  title: string;
  priority: Priority;
  state: JobState;
  /** Not before then: after a failure, or by a caller's limit. */
  notBeforeMs: number;
  createdAtMs: number;
  deadlineMs: number;
  /** Of the last attempt. */
  startedAtMs: number | null;
  endedAtMs: number | null;
  attempts: number;
  /** Names the attempt that is under way: what another one says is not heard. */
  runId: string | null;
  error: WireError | null;
  bodyBytes: number;
  maxTokens: number | undefined;
  /** Its place among those that wait: smaller is sooner. */
  orderMs: number;
}

const jsonText = z.string().transform((text): unknown => JSON.parse(text));

const rowSchema = z
  .object({
    seq: z.number(),
    id: z.string(),
    user_id: z.string(),
    caller: jsonText.pipe(callerSchema),
    model: z.string(),
    title: z.string(),
    priority: prioritySchema,
    state: jobStateSchema,
    not_before: z.number(),
    created_at: z.number(),
    deadline: z.number(),
    started_at: z.number().nullable(),
    ended_at: z.number().nullable(),
    attempts: z.number(),
    run_id: z.string().nullable(),
    error: jsonText.pipe(wireErrorSchema).nullable(),
    body_bytes: z.number(),
    max_tokens: z.number().nullable(),
    order_at: z.number(),
  })
  .transform(
    (row): Job => ({
      seq: row.seq,
      id: row.id,
      userId: row.user_id,
      caller: row.caller,
      model: row.model,
      title: row.title,
      priority: row.priority,
      state: row.state,
      notBeforeMs: row.not_before,
      createdAtMs: row.created_at,
      deadlineMs: row.deadline,
      startedAtMs: row.started_at,
      endedAtMs: row.ended_at,
      attempts: row.attempts,
      runId: row.run_id,
      error: row.error,
      bodyBytes: row.body_bytes,
      maxTokens: row.max_tokens ?? undefined,
      orderMs: row.order_at,
    }),
  );

/** A row of `jobs`, read. */
export function readJob(row: unknown): Job {
  return rowSchema.parse(row);
}
