import { z } from "@hono/zod-openapi";
import { chatRequestSchema } from "../../shared/api/openai/chat-request-schema.ts";
import { chatCompletionSchema, collectCompletion } from "../../shared/api/openai/chat-response.ts";
import { ERRORS, type ErrorCode } from "../../shared/errors.ts";
import type { GenerateEvent } from "../../shared/inference/event.ts";
import { prioritySchema } from "../../shared/inference/request.ts";
import type { Account } from "../env.ts";
import type { JobView, JobViewer } from "../home/jobs/desk.ts";
import { jobStateSchema } from "../home/jobs/job.ts";
import { JOB_LIMITS } from "../home/jobs/limits.ts";

const seconds = (ms: number): number => ms / 1000;

/** What a job is made from. */
export const newJobSchema = z
  .strictObject({
    request: chatRequestSchema
      .refine((body) => body.stream !== true, { path: ["stream"], error: "a job has no reader to stream to" })
      .refine((body) => (body.n ?? 1) === 1, { path: ["n"], error: "a job has one answer; make several jobs" })
      .openapi({ description: "As POST /v1/chat/completions takes it, without `stream`." }),
    priority: prioritySchema.optional().openapi({
      description: "At most that of the key. A job of higher priority counts as if it had come an hour earlier.",
    }),
    deadlineSeconds: z
      .number()
      .int()
      .min(seconds(JOB_LIMITS.deadlineMinMs))
      .max(seconds(JOB_LIMITS.deadlineMaxMs))
      .default(seconds(JOB_LIMITS.deadlineMs))
      .openapi({ description: "How long it may take, waiting included. Then it is `expired`." }),
  })
  .openapi("NewJob", {
    example: { request: { model: "starter", messages: [{ role: "user", content: "Name ten trees." }] } },
  });

export const jobSchema = z
  .object({
    id: z.string(),
    state: jobStateSchema,
    model: z.string(),
    title: z.string().nullable().openapi({ description: "How the question begins; null for another person's job." }),
    priority: prioritySchema,
    mine: z.boolean(),
    position: z.number().int().nullable().openapi({ description: "Among all that wait in the household, from 1 on." }),
    estimatedStart: z.iso.datetime().nullable().openapi({
      description:
        "By how fast the machines have been. Null where no machine that is online can take it, and far back in the queue.",
    }),
    progress: z
      .object({ stage: z.enum(["queued", "loading", "prefill", "answering"]), pieces: z.number().int() })
      .nullable()
      .openapi({ description: "While it runs: what the machine is at, and pieces of the answer so far." }),
    attempts: z
      .number()
      .int()
      .openapi({ description: `At most ${JOB_LIMITS.attempts}.` }),
    error: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .openapi({ description: "Why it failed, or what it waits for." }),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable().openapi({ description: "Of the last attempt." }),
    endedAt: z.iso.datetime().nullable(),
    deadline: z.iso.datetime(),
    keptUntil: z.iso.datetime().nullable().openapi({ description: "When an ended job is forgotten with its answer." }),
  })
  .openapi("Job");
export type ShownJob = z.infer<typeof jobSchema>;

export const jobWithResultSchema = jobSchema
  .extend({
    result: chatCompletionSchema.nullable().openapi({ description: "The answer of a completed job of one's own." }),
  })
  .openapi("JobWithResult");

/** A job as the API shows it. What somebody else asked is theirs. */
export function shownJob(job: JobView, account: Account): ShownJob {
  const mine = job.userId === account.userId;
  const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  return {
    id: job.id,
    state: job.state,
    model: job.model,
    title: mine ? job.title : null,
    priority: job.priority,
    mine,
    position: job.position,
    estimatedStart: at(job.estimatedStartMs),
    progress: job.progress,
    attempts: job.attempts,
    error:
      job.error === null
        ? null
        : { code: job.error.code, message: mine ? job.error.message : plainSentence(job.error.code) },
    createdAt: new Date(job.createdAtMs).toISOString(),
    startedAt: at(job.startedAtMs),
    endedAt: at(job.endedAtMs),
    deadline: new Date(job.deadlineMs).toISOString(),
    keptUntil: at(job.keptUntilMs),
  };
}

/** The answer of a job in OpenAI's form; null where there is none to show. */
export async function shownResult(
  { id, state, model, createdAtMs, ...job }: JobView,
  events: GenerateEvent[],
  account: Account,
) {
  if (state !== "completed" || job.userId !== account.userId || events.length === 0) return null;
  const head = { id: `chatcmpl-${id.slice("job_".length)}`, created: Math.floor(createdAtMs / 1000), model };
  return await collectCompletion(
    head,
    (async function* () {
      yield* events;
    })(),
  );
}

/**
 * Whose jobs a caller sees: a person their own, the owner everybody's (without what others asked and were told), a program only what
 * its key asked for, unless the key is for everything.
 */
export function viewerOf({ role, userId, key }: Account): JobViewer {
  if (key !== undefined && !key.scopes.includes("admin")) return { userId, callerId: key.id };
  return role === "owner" ? {} : { userId };
}

/** An error's own sentence, which quotes nothing. */
function plainSentence(code: ErrorCode): string {
  return ERRORS[code].message;
}
