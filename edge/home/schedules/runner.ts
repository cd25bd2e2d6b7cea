import { unknownModel } from "../../../shared/api/openai/models-route.ts";
import { PorchlightError, type WireError } from "../../../shared/errors.ts";
import type { Message } from "../../../shared/inference/request.ts";
import { allowsModel } from "../../credentials/key-grant.ts";
import type { Job } from "../jobs/job.ts";
import { queuedRequest, usualPriority } from "../jobs/queued-request.ts";
import { answerOf } from "./answer.ts";
import { SCHEDULE_LIMITS } from "./limits.ts";
import type { FindPermit, Permit } from "./permit.ts";
import type { Landing, SchedulingJobs, SchedulingSessions } from "./ports.ts";
import { nextTimesMs, nextTimeMs } from "./recurrence.ts";
import type { RunTable } from "./run-table.ts";
import type { RunKind, Schedule, ScheduleRun } from "./schedule.ts";
import type { ScheduleTable } from "./schedule-table.ts";
import { scheduleRequest } from "./schedule-request.ts";

export interface ScheduleRunnerOptions {
  schedules: ScheduleTable;
  runs: RunTable;
  jobs: SchedulingJobs;
  sessions: SchedulingSessions;
  findPermit: FindPermit;
  backgroundOf: (userId: string, prompt: string) => string;
  onChange: () => void;
  now: () => number;
}

/** How many of the schedules that are due are looked at for when the next one is. */
const LOOKED_AHEAD = 100;
/** Later than that a run is a missed one. */
const LATE_MS = 5 * 60_000;

/**
 * Runs schedules. A schedule is due in SQLite until the one step that puts its job into the queue and writes down when it is due next:
 * whatever happens in between, it runs once. An answer is to land in SQLite until it has.
 */
export class ScheduleRunner {
  readonly #options: ScheduleRunnerOptions;
  /** Schedules whose permit is asked for, and runs that land. */
  readonly #underWay = new Set<string>();
  /** Those of them that failed, and when they are tried again. */
  readonly #retryAtMs = new Map<string, number>();

  constructor(options: ScheduleRunnerOptions) {
    this.#options = options;
  }

  /** Begins what is due. Never throws. */
  tick(): void {
    const { schedules, runs, now } = this.#options;
    for (const { id, atMs } of schedules.soonest(LOOKED_AHEAD))
      if (atMs <= now()) void this.#attempt(id, () => this.#runDue(id));
    for (const { id } of runs.landing()) void this.#attempt(id, () => this.#land(id));
  }

  nextAtMs(): number | undefined {
    const { schedules, runs, now } = this.#options;
    const due = [...schedules.soonest(LOOKED_AHEAD), ...runs.landing().map(({ id }) => ({ id, atMs: now() }))];
    const moments = due.map(({ id, atMs }) =>
      this.#underWay.has(id) ? now() + SCHEDULE_LIMITS.retryMs : Math.max(atMs, this.#retryAtMs.get(id) ?? 0),
    );
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** Resolves with why it does not run, if it does not. */
  async runNow(id: string): Promise<PorchlightError | undefined> {
    const { schedules, runs, findPermit, now } = this.#options;
    const schedule = schedules.find(id);
    if (schedule === undefined) return undefined;
    const permit = await findPermit(schedule);
    if (runs.active(id) !== undefined) return new PorchlightError("job_active", "The last run has not ended yet.");
    const current = schedules.find(id);
    if (current === undefined) return undefined;
    if (typeof permit === "string") {
      return new PorchlightError(
        "forbidden",
        "The key that made it was revoked. Go on with it first: then it runs as you.",
      );
    }
    this.#start(current, permit, { kind: "now", dueAtMs: now(), missed: 0 });
    return undefined;
  }

  jobEnded({ id, state, error }: Pick<Job, "id" | "state" | "error">): void {
    const run = this.#options.runs.byJob(id);
    if (run !== undefined && state !== "queued" && state !== "running") this.#settle(run, state, error);
  }

  async #attempt(id: string, work: () => Promise<void> | void): Promise<void> {
    const { now, onChange } = this.#options;
    if (this.#underWay.has(id) || (this.#retryAtMs.get(id) ?? 0) > now()) return;
    this.#underWay.add(id);
    try {
      await work();
      this.#retryAtMs.delete(id);
    } catch (error) {
      // While its person talks in the session, an answer waits: that is nothing to report.
      const isBusy = error instanceof PorchlightError && error.code === "session_busy";
      if (!isBusy) console.error(`schedules: ${id} has to wait:`, error);
      this.#retryAtMs.set(id, now() + SCHEDULE_LIMITS.retryMs);
    }
    this.#underWay.delete(id);
    onChange();
  }

  async #runDue(id: string): Promise<void> {
    const { schedules, runs, findPermit, now } = this.#options;
    const seen = schedules.find(id);
    if (seen === undefined) return;
    const permit = await findPermit(seen);
    const schedule = schedules.find(id);
    const nowMs = now();
    // While it was asked for, the schedule may have been changed, paused or removed.
    if (schedule === undefined || schedule.nextAtMs === null || schedule.nextAtMs > nowMs) return;
    if (schedule.keyId !== seen.keyId) return;
    if (permit === "person_gone") {
      schedules.remove(id);
      return runs.removeOf(id);
    }
    if (permit === "key_revoked") return schedules.pause(id, "key_revoked");
    const dueAtMs = schedule.nextAtMs;
    const missed = missedBetween(schedule, dueAtMs, nowMs);
    schedules.setNext(id, nextTimeMs(schedule, nowMs) ?? null);
    const active = runs.active(id);
    if (active !== undefined)
      return runs.noteMissed(active.id, Math.min(SCHEDULE_LIMITS.missedCounted, active.missed + 1 + missed));
    this.#start(schedule, permit, { kind: nowMs - dueAtMs > LATE_MS ? "missed" : "due", dueAtMs, missed });
  }

  /** In one step: the job, the run, and what became of it already. */
  #start(schedule: Schedule, permit: Permit, of: { kind: RunKind; dueAtMs: number; missed: number }): void {
    const { runs, jobs, backgroundOf, now } = this.#options;
    const nowMs = now();
    const id = `run_${crypto.randomUUID().replaceAll("-", "")}`;
    const { userId, prompt, model } = schedule;
    let jobId: string | null = null;
    let refusal: WireError | null = null;
    try {
      if (!allowsModel(permit.models, model)) throw unknownModel(model);
      const asked = scheduleRequest(schedule, backgroundOf(userId, prompt), nowMs);
      const request = queuedRequest(asked, permit.caller, usualPriority(permit.priority));
      const answer = jobs.add({ userId, deadlineMs: deadlineMs(schedule, nowMs), ...request, title: schedule.title });
      if ("error" in answer) refusal = answer.error;
      else jobId = answer.made.id;
    } catch (thrown) {
      const error = PorchlightError.from(thrown);
      if (error.code === "internal") console.error(`schedules: ${schedule.id} could not be asked:`, thrown);
      refusal = error.toWire();
    }
    runs.add({ id, scheduleId: schedule.id, jobId, ...of }, nowMs);
    const run = runs.find(id);
    if (run === undefined) return;
    if (refusal !== null) return this.#settle(run, "failed", refusal);
    // It may have ended before its run was written down.
    const added = jobId === null ? undefined : jobs.job(jobId, { userId });
    if (added !== undefined) this.jobEnded(added.job);
  }

  #settle(run: ScheduleRun, state: "completed" | "failed" | "cancelled" | "expired", error: WireError | null): void {
    const { schedules, runs, jobs, now, onChange } = this.#options;
    const schedule = schedules.find(run.scheduleId);
    if (schedule === undefined) return runs.removeOf(run.scheduleId);
    const isLanding = state === "completed" && schedule.toSession;
    if (!runs.end(run.id, state, error, isLanding, now())) return;
    runs.purge(schedule.id, SCHEDULE_LIMITS.runsKept);
    if (schedule.webhookId !== null) {
      const answer = run.jobId === null ? undefined : jobs.job(run.jobId, { userId: schedule.userId });
      const { content } = answerOf(answer?.events ?? []);
      jobs.tell(schedule.userId, schedule.webhookId, `schedule.${state}`, {
        id: run.id,
        schedule: { id: schedule.id, title: schedule.title },
        job: run.jobId,
        dueAt: new Date(run.dueAtMs).toISOString(),
        error,
        ...(state === "completed"
          ? { answer: content.slice(0, SCHEDULE_LIMITS.webhookAnswerCharacters).toWellFormed() }
          : {}),
      });
    }
    this.#count(schedule, state);
    if (isLanding) void this.#attempt(run.id, () => this.#land(run.id));
    onChange();
  }

  /** Counts failures in a row. A run that somebody cancelled says nothing. */
  #count({ id, failures }: Schedule, state: "completed" | "failed" | "cancelled" | "expired"): void {
    const { schedules } = this.#options;
    if (state === "cancelled") return;
    const count = state === "completed" ? 0 : failures + 1;
    schedules.setFailures(id, count);
    if (count >= SCHEDULE_LIMITS.failuresInRow) schedules.pause(id, "failing");
  }

  /** In one step: the turn, and that it landed. Throws where it cannot land now. */
  #land(runId: string): void {
    const { schedules, runs, jobs, sessions } = this.#options;
    const run = runs.find(runId);
    if (run === undefined || run.jobId === null) return;
    const schedule = schedules.find(run.scheduleId);
    const answer = schedule && jobs.job(run.jobId, { userId: schedule.userId });
    if (schedule === undefined || answer === undefined) return runs.landed(runId, null); // Somebody forgot it.
    const { message, usage } = answerOf(answer.events);
    const { userId, title, prompt, model } = schedule;
    const messages: Message[] = [{ role: "user", content: prompt }, message];
    const landing = { runId, userId, model, messages, usage, createdAtMs: run.startedAtMs };
    const hasOne = schedule.sessionId !== null && sessions.has(userId, schedule.sessionId);
    const kept = hasOne && schedule.sessionId !== null ? this.#landIn(schedule.sessionId, landing) : null;
    if (kept !== null) return runs.landed(runId, kept);
    const made = sessions.make(userId, title);
    schedules.setSession(schedule.id, made);
    runs.landed(runId, this.#landIn(made, landing));
  }

  #landIn(sessionId: string, landing: Omit<Landing, "sessionId">): ScheduleRun["landed"] {
    const index = this.#options.sessions.land({ ...landing, sessionId });
    return index === undefined ? null : { sessionId, index };
  }
}

/** Times after the first that is due, up to now. */
function missedBetween(schedule: Schedule, dueAtMs: number, nowMs: number): number {
  let count = 0;
  let last = dueAtMs;
  while (count < SCHEDULE_LIMITS.missedCounted) {
    const times = nextTimesMs(schedule, last, 10);
    const passed = times.filter((time) => time <= nowMs).length;
    count += passed;
    const end = times.at(-1);
    if (passed < 10 || end === undefined) break;
    last = end;
  }
  return Math.min(count, SCHEDULE_LIMITS.missedCounted);
}

/** Until the next time, but neither too soon to find a machine nor so late that nobody waits any more. */
function deadlineMs(schedule: Schedule, nowMs: number): number {
  const untilNextMs = (nextTimeMs(schedule, nowMs) ?? Infinity) - nowMs;
  return Math.min(SCHEDULE_LIMITS.deadlineMaxMs, Math.max(SCHEDULE_LIMITS.deadlineMinMs, untilNextMs));
}
