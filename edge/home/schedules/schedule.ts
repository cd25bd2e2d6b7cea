import { z } from "zod";
import { type WireError, wireErrorSchema } from "../../../shared/errors.ts";
import type { Recurrence } from "./recurrence.ts";

export const PAUSE_REASONS = ["person", "key_revoked", "failing"] as const;
/** Who or what paused a schedule: its person, the end of the key that made it, or one failure after the other. */
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** A prompt that is asked again and again, as it is written down. */
export interface SchedulePlan extends Recurrence {
  title: string;
  prompt: string;
  model: string;
  maxTokens: number | null;
  /** Whether answers land in a session. */
  toSession: boolean;
  /** The session they land in; null: one of its own, once there is an answer. */
  sessionId: string | null;
  /** The person's receiver of webhooks that is sent the answers. */
  webhookId: string | null;
}

/** By whose limits it runs. */
export interface ScheduleOwner {
  userId: string;
  /** Of the API key that made or last changed it; null: the person did. */
  keyId: string | null;
}

/** A schedule as it is stored. Times are Unix milliseconds. */
export interface Schedule extends SchedulePlan, ScheduleOwner {
  id: string;
  createdAtMs: number;
  updatedAtMs: number;
  /** Null: it runs when it is due. */
  paused: PauseReason | null;
  /** When it is due; null while it is paused, or where it never is again. */
  nextAtMs: number | null;
  /** Runs in a row that failed. */
  failures: number;
}

export const RUN_KINDS = ["due", "missed", "now"] as const;
/** Why a schedule ran: it was due, it had been due while nothing ran here, or somebody asked for it. */
export type RunKind = (typeof RUN_KINDS)[number];

export const RUN_STATES = ["active", "completed", "failed", "cancelled", "expired"] as const;
export type RunState = (typeof RUN_STATES)[number];

/** One run of a schedule. Times are Unix milliseconds. */
export interface ScheduleRun {
  id: string;
  scheduleId: string;
  kind: RunKind;
  state: RunState;
  /** When it should have been. */
  dueAtMs: number;
  startedAtMs: number;
  endedAtMs: number | null;
  /** Times that this run stands for beside its own: those that passed while nothing could run, or while it was under way. */
  missed: number;
  jobId: string | null;
  error: WireError | null;
  /** Where the answer landed. */
  landed: { sessionId: string; index: number } | null;
}

const errorText = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(wireErrorSchema);

const scheduleRow = z
  .object({
    id: z.string(),
    user_id: z.string(),
    key_id: z.string().nullable(),
    title: z.string(),
    prompt: z.string(),
    model: z.string(),
    max_tokens: z.number().nullable(),
    cron: z.string(),
    time_zone: z.string(),
    to_session: z.number(),
    session_id: z.string().nullable(),
    webhook_id: z.string().nullable(),
    created_at: z.number(),
    updated_at: z.number(),
    paused: z.enum(PAUSE_REASONS).nullable(),
    next_at: z.number().nullable(),
    failures: z.number(),
  })
  .transform(
    (row): Schedule => ({
      id: row.id,
      userId: row.user_id,
      keyId: row.key_id,
      title: row.title,
      prompt: row.prompt,
      model: row.model,
      maxTokens: row.max_tokens,
      cron: row.cron,
      timeZone: row.time_zone,
      toSession: row.to_session === 1,
      sessionId: row.session_id,
      webhookId: row.webhook_id,
      createdAtMs: row.created_at,
      updatedAtMs: row.updated_at,
      paused: row.paused,
      nextAtMs: row.next_at,
      failures: row.failures,
    }),
  );

const runRow = z
  .object({
    id: z.string(),
    schedule_id: z.string(),
    kind: z.enum(RUN_KINDS),
    state: z.enum(RUN_STATES),
    due_at: z.number(),
    started_at: z.number(),
    ended_at: z.number().nullable(),
    missed: z.number(),
    job_id: z.string().nullable(),
    error: errorText.nullable(),
    session_id: z.string().nullable(),
    turn: z.number().nullable(),
  })
  .transform(
    (row): ScheduleRun => ({
      id: row.id,
      scheduleId: row.schedule_id,
      kind: row.kind,
      state: row.state,
      dueAtMs: row.due_at,
      startedAtMs: row.started_at,
      endedAtMs: row.ended_at,
      missed: row.missed,
      jobId: row.job_id,
      error: row.error,
      landed: row.session_id === null || row.turn === null ? null : { sessionId: row.session_id, index: row.turn },
    }),
  );

/** A row of `schedules`, read. */
export function readSchedule(row: unknown): Schedule {
  return scheduleRow.parse(row);
}

/** A row of `schedule_runs`, read. */
export function readRun(row: unknown): ScheduleRun {
  return runRow.parse(row);
}
