import { PorchlightError } from "../../../shared/errors.ts";
import { type Made, made } from "../made.ts";
import type { Job } from "../jobs/job.ts";
import { SCHEDULE_LIMITS } from "./limits.ts";
import type { FindPermit } from "./permit.ts";
import type { SchedulingJobs, SchedulingSessions } from "./ports.ts";
import { nextTimeMs, nextTimesMs, requireRecurrence } from "./recurrence.ts";
import { RunTable } from "./run-table.ts";
import { ScheduleRunner } from "./runner.ts";
import type { Schedule, ScheduleOwner, SchedulePlan, ScheduleRun } from "./schedule.ts";
import { ScheduleTable } from "./schedule-table.ts";

/** Whose schedules somebody may see: a person their own, a program what its key made. Nobody sees another person's. */
export interface ScheduleViewer {
  userId: string;
  keyId?: string;
}

/** A schedule with how it stands. Times are Unix milliseconds. */
export interface ScheduleView extends Schedule {
  /** The next times it is due; none while it is paused. */
  timesMs: number[];
  lastRun: ScheduleRun | null;
}

/** What the Worker may ask of the desk: see `schedulesOf`. */
export const SCHEDULE_METHODS = ["list", "schedule", "add", "change", "remove", "runNow", "runs"] as const;
export type ScheduleMethod = (typeof SCHEDULE_METHODS)[number];

export interface ScheduleDeskOptions {
  sql: SqlStorage;
  jobs: SchedulingJobs;
  sessions: SchedulingSessions;
  findPermit: FindPermit;
  /** What the model shall know of a person who asks this: see `scheduleRequest`. */
  backgroundOf: (userId: string, prompt: string) => string;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now?: () => number;
}

/** Prompts that are asked again and again. The Worker reaches it by `schedulesOf`. */
export class ScheduleDesk {
  readonly #schedules: ScheduleTable;
  readonly #runs: RunTable;
  readonly #runner: ScheduleRunner;
  readonly #options: ScheduleDeskOptions;
  readonly #now: () => number;

  constructor(options: ScheduleDeskOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#schedules = new ScheduleTable(options.sql);
    this.#runs = new RunTable(options.sql);
    this.#runner = new ScheduleRunner({ ...options, schedules: this.#schedules, runs: this.#runs, now: this.#now });
  }

  /** Begins what is due. Call it at `nextAtMs`. */
  tick(): void {
    this.#runner.tick();
    this.#options.onChange();
  }

  nextAtMs(): number | undefined {
    return this.#runner.nextAtMs();
  }

  /** A job has ended. Call it in the step that writes that down. */
  jobEnded(job: Pick<Job, "id" | "state" | "error">): void {
    this.#runner.jobEnded(job);
  }

  /** A person left, and their schedules end; or a key was revoked, and what it made waits for its person. */
  callerGone(id: string): void {
    for (const schedule of this.#schedules.of({ userId: id })) this.#remove(schedule);
    for (const schedule of this.#schedules.ofKey(id)) this.#schedules.pause(schedule.id, "key_revoked");
    this.#options.onChange();
  }

  /** The latest first. */
  list(viewer: ScheduleViewer): ScheduleView[] {
    return this.#schedules.of(viewer).map((schedule) => this.#view(schedule));
  }

  schedule(id: string, viewer: ScheduleViewer): ScheduleView | undefined {
    const schedule = this.#visible(id, viewer);
    return schedule && this.#view(schedule);
  }

  /** Takes a schedule in. Refused where it never could run, or comes too often. */
  add(owner: ScheduleOwner, plan: SchedulePlan): Made<ScheduleView> {
    return made(() => {
      this.#requirePossible(owner, plan);
      const mine = this.#schedules.count(owner.userId);
      const all = this.#schedules.count();
      if (mine >= SCHEDULE_LIMITS.perPerson || all >= SCHEDULE_LIMITS.perHousehold) {
        throw new PorchlightError("too_many_schedules");
      }
      const id = `sch_${crypto.randomUUID().replaceAll("-", "")}`;
      const now = this.#now();
      this.#schedules.add(id, owner, plan, nextTimeMs(plan, now) ?? null, now);
      return this.#changed(id);
    });
  }

  /** Changes, pauses or goes on with a schedule; it runs as who changed it last. What passed while it was paused is not made up for. */
  change(
    id: string,
    viewer: ScheduleViewer,
    owner: ScheduleOwner,
    { paused, ...change }: Partial<SchedulePlan> & { paused?: boolean },
  ): Made<ScheduleView> {
    return made(() => {
      const schedule = this.#require(id, viewer);
      const plan = { ...schedule, ...change };
      const isPaused = paused ?? schedule.paused !== null;
      // One that cannot run any more can still be paused.
      if (!isPaused || Object.keys(change).length > 0) this.#requirePossible(owner, plan);
      const now = this.#now();
      const isSame = plan.cron === schedule.cron && plan.timeZone === schedule.timeZone && schedule.paused === null;
      const nextAtMs = isSame ? schedule.nextAtMs : (nextTimeMs(plan, now) ?? null);
      const standing = isPaused
        ? { paused: schedule.paused ?? ("person" as const), nextAtMs: null }
        : { paused: null, nextAtMs };
      this.#schedules.change(id, owner, plan, standing, now);
      return this.#changed(id);
    });
  }

  /** Ends a schedule, and what it has under way. What landed in sessions stays there. */
  remove(id: string, viewer: ScheduleViewer): boolean {
    const schedule = this.#visible(id, viewer);
    if (schedule === undefined) return false;
    this.#remove(schedule);
    this.#options.onChange();
    return true;
  }

  /** Runs a schedule once more, now, whether it is paused or not. Refused as `job_active` while a run is under way. */
  async runNow(id: string, viewer: ScheduleViewer): Promise<Made<ScheduleView>> {
    if (this.#visible(id, viewer) === undefined) return made(() => this.#view(this.#require(id, viewer)));
    const refusal = await this.#runner.runNow(id);
    this.#options.onChange();
    return made(() => {
      if (refusal !== undefined) throw refusal;
      return this.#view(this.#require(id, viewer));
    });
  }

  /** The last runs, the latest first. */
  runs(id: string, viewer: ScheduleViewer): ScheduleRun[] | undefined {
    return this.#visible(id, viewer) && this.#runs.of(id, SCHEDULE_LIMITS.runsKept);
  }

  #requirePossible({ userId }: ScheduleOwner, plan: SchedulePlan): void {
    requireRecurrence(plan, this.#now());
    if (!plan.toSession && plan.webhookId === null) {
      throw new PorchlightError("invalid_request", "Say where answers go: into a session, to a webhook, or both.");
    }
    if (plan.webhookId !== null && !this.#options.jobs.hasReceiver(userId, plan.webhookId)) {
      throw new PorchlightError("invalid_request", "There is no such webhook, or it is not yours.", {
        param: "webhookId",
      });
    }
    if (plan.sessionId !== null && !this.#options.sessions.has(userId, plan.sessionId)) {
      throw new PorchlightError("invalid_request", "There is no such session, or it is not yours.", {
        param: "sessionId",
      });
    }
    this.#options.jobs.requireDoable({
      model: plan.model,
      bodyBytes: plan.prompt.length,
      maxTokens: plan.maxTokens ?? undefined,
    });
  }

  #visible(id: string, { userId, keyId }: ScheduleViewer): Schedule | undefined {
    const schedule = this.#schedules.find(id);
    if (schedule?.userId !== userId) return undefined;
    return keyId === undefined || schedule.keyId === keyId ? schedule : undefined;
  }

  #require(id: string, viewer: ScheduleViewer): Schedule {
    const schedule = this.#visible(id, viewer);
    if (schedule === undefined)
      throw new PorchlightError("not_found", "There is no such schedule, or it is not yours.");
    return schedule;
  }

  #changed(id: string): ScheduleView {
    this.#options.onChange();
    const schedule = this.#schedules.find(id);
    if (schedule === undefined) throw new Error("a schedule that was written is not there");
    return this.#view(schedule);
  }

  #remove({ id, userId }: Schedule): void {
    const active = this.#runs.active(id);
    this.#schedules.remove(id);
    this.#runs.removeOf(id);
    if (active?.jobId != null) this.#options.jobs.cancel(active.jobId, { userId });
  }

  #view(schedule: Schedule): ScheduleView {
    const { nextAtMs } = schedule;
    const later = nextAtMs === null ? [] : nextTimesMs(schedule, nextAtMs, SCHEDULE_LIMITS.timesShown - 1);
    return {
      ...schedule,
      timesMs: nextAtMs === null ? [] : [nextAtMs, ...later],
      lastRun: this.#runs.of(schedule.id, 1)[0] ?? null,
    };
  }
}
