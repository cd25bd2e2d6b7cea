import { z } from "@hono/zod-openapi";
import { allowsScope } from "../access/scopes.ts";
import type { Account } from "../env.ts";
import type { ScheduleView, ScheduleViewer } from "../home/schedules/desk.ts";
import { SCHEDULE_LIMITS } from "../home/schedules/limits.ts";
import { tidyCron } from "../home/schedules/recurrence.ts";
import {
  PAUSE_REASONS,
  RUN_KINDS,
  RUN_STATES,
  type ScheduleOwner,
  type ScheduleRun,
} from "../home/schedules/schedule.ts";

const cron = z
  .string()
  .max(2 * SCHEDULE_LIMITS.cronCharacters)
  .transform(tidyCron)
  .openapi({
    description:
      "Minute, hour, day of the month, month, day of the week; or words, as “every weekday at 8” or “每周一上午九点”. Two runs are 15 minutes " +
      "apart at least. Where clocks are put forward, a time that they leave out comes right after it; where they are put back, a time of day " +
      "comes once.",
    example: "0 8 * * 1-5",
  });
const timeZone = z.string().min(1).max(64).openapi({ description: "Its IANA name.", example: "Europe/Berlin" });

/** What says when: for the times that it comes to. */
export const recurrenceQuery = z.object({ cron, timeZone });

const plan = {
  title: z.string().trim().min(1).max(SCHEDULE_LIMITS.titleCharacters),
  prompt: z.string().trim().min(1).max(SCHEDULE_LIMITS.promptCharacters),
  model: z.string().min(1).max(256),
  maxTokens: z.number().int().min(1).max(1_000_000).nullable().openapi({ description: "Of an answer, at most." }),
  cron,
  timeZone,
  toSession: z.boolean().openapi({ description: "Whether answers land in a session, as turns." }),
  sessionId: z
    .string()
    .max(64)
    .nullable()
    .openapi({ description: "The session; null: one of the schedule's own, made with its first answer." }),
  webhookId: z
    .string()
    .max(64)
    .nullable()
    .openapi({
      description:
        "A webhook of one's own (GET /api/webhooks) that is sent each answer, as a message of type `schedule.completed`. It says `answer`, " +
        "the one message that holds text of the model; `schedule.failed`, `.expired` and `.cancelled` say why there is none.",
    }),
};

export const newScheduleSchema = z
  .strictObject({
    ...plan,
    title: plan.title.optional().openapi({ description: "Absent: how the prompt begins." }),
    maxTokens: plan.maxTokens.default(null),
    toSession: plan.toSession.default(true),
    sessionId: plan.sessionId.default(null),
    webhookId: plan.webhookId.default(null),
  })
  .openapi("NewSchedule", {
    example: { prompt: "What is on today?", model: "starter", cron: "0 8 * * 1-5", timeZone: "Europe/Berlin" },
  });

export const scheduleChangeSchema = z
  .strictObject({
    ...plan,
    paused: z.boolean().openapi({ description: "What passes while it is paused is not made up for." }),
  })
  .partial()
  .openapi("ScheduleChange", { example: { paused: true } });

export const scheduleRunSchema = z
  .object({
    id: z.string(),
    kind: z
      .enum(RUN_KINDS)
      .openapi({ description: "`missed`: it had been due while nothing ran here. `now`: asked for." }),
    state: z.enum(RUN_STATES).openapi({ description: "`active`: its job waits or runs. `expired`: no machine came." }),
    dueAt: z.iso.datetime(),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    missed: z
      .number()
      .int()
      .openapi({ description: "Times that it stands for beside its own: they passed before it ran, or meanwhile." }),
    jobId: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    landed: z.object({ sessionId: z.string(), index: z.number().int() }).nullable(),
  })
  .openapi("ScheduleRun");
export type ShownRun = z.infer<typeof scheduleRunSchema>;

export const scheduleSchema = z
  .object({
    id: z.string(),
    ...plan,
    cron: z.string(),
    paused: z
      .enum(PAUSE_REASONS)
      .nullable()
      .openapi({
        description: `Why it does not run. \`failing\`: ${SCHEDULE_LIMITS.failuresInRow} runs in a row failed.`,
      }),
    nextTimes: z.array(z.iso.datetime()),
    lastRun: scheduleRunSchema.nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("Schedule");
export type ShownSchedule = z.infer<typeof scheduleSchema>;

/** A run as the API shows it. */
export function shownRun(run: ScheduleRun): ShownRun {
  const { id, kind, state, missed, jobId, error, landed } = run;
  return {
    id,
    kind,
    state,
    dueAt: isoTime(run.dueAtMs),
    startedAt: isoTime(run.startedAtMs),
    endedAt: run.endedAtMs === null ? null : isoTime(run.endedAtMs),
    missed,
    jobId,
    error: error && { code: error.code, message: error.message },
    landed,
  };
}

/** A schedule as the API shows it. */
export function shownSchedule(view: ScheduleView): ShownSchedule {
  const { id, title, prompt, model, maxTokens, toSession, sessionId, webhookId, paused, lastRun } = view;
  return {
    id,
    title,
    prompt,
    model,
    maxTokens,
    cron: view.cron,
    timeZone: view.timeZone,
    toSession,
    sessionId,
    webhookId,
    paused,
    nextTimes: view.timesMs.map(isoTime),
    lastRun: lastRun && shownRun(lastRun),
    createdAt: isoTime(view.createdAtMs),
    updatedAt: isoTime(view.updatedAtMs),
  };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

/** A person sees their own schedules; a program what its key made, unless the key is for everything. */
export function scheduleViewerOf({ userId, key }: Account): ScheduleViewer {
  return key === undefined || allowsScope(key.scopes, []) ? { userId } : { userId, keyId: key.id };
}

/** By whose limits a schedule runs that this caller makes or changes. */
export function scheduleOwnerOf({ userId, key }: Account): ScheduleOwner {
  return { userId, keyId: key?.id ?? null };
}
