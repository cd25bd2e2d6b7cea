import { encodeJson } from "../../../shared/protocol/json.ts";
import { PorchlightError, type WireError } from "../../../shared/errors.ts";
import type { Priority } from "../../../shared/inference/request.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { backOffMs, isWait, mayRetry } from "./back-off.ts";
import { estimateStarts } from "./estimate.ts";
import type { EndState, Job, NewJob } from "./job.ts";
import { type JobFilter, JobTable } from "./job-table.ts";
import { JOB_LIMITS } from "./limits.ts";
import { mergeEvents } from "./merge-events.ts";
import type { JobRunner, RunEnd, RunProgress } from "./runner.ts";

export interface JobQueueOptions {
  sql: SqlStorage;
  runner: JobRunner;
  /** Hears of every end, once, in the step that writes it down. */
  onEnded: (job: Job) => void;
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
}

/** How a job stands beyond what is stored. */
export interface JobStanding {
  /** From 1 on, among all that wait in the household. */
  position: number | undefined;
  /** Milliseconds from now; undefined where nobody can say. */
  startsInMs: number | undefined;
  progress: RunProgress | undefined;
}

const EARLIER_MS: Record<Priority, number> = { high: JOB_LIMITS.priorityMs, normal: 0, low: -JOB_LIMITS.priorityMs };

/**
 * A household's jobs: requests that wait until a machine is free. All that counts is in SQLite, so that any moment may be the object's
 * last. The owner of a queue calls `tick` whenever something may have changed (a machine came, a request ended), and at `nextAtMs` at
 * the latest; it tells `ended` of what was started. A job ends once: attempts are numbered, and only the current one is heard.
 */
export class JobQueue {
  readonly #table: JobTable;
  readonly #runner: JobRunner;
  readonly #onEnded: (job: Job) => void;
  readonly #now: () => number;
  readonly #random: () => number;
  /** False while it is certain that nothing waits. */
  #mayWait = true;
  /** The first tick of this life of the object has yet to look after what the last one had started. */
  #isRestored = false;

  constructor({ sql, runner, onEnded, now = Date.now, random = Math.random }: JobQueueOptions) {
    this.#table = new JobTable(sql);
    this.#runner = runner;
    this.#onEnded = onEnded;
    this.#now = now;
    this.#random = random;
  }

  /** Takes a job in. Throws PorchlightError `queue_full`. */
  add(job: NewJob): Job {
    const all = this.#table.active();
    const own = this.#table.active(job.userId);
    if (all.n >= JOB_LIMITS.active || own.n >= JOB_LIMITS.activePerPerson) throw new PorchlightError("queue_full");
    if (all.bytes + job.body.length > JOB_LIMITS.waitingBytes) throw new PorchlightError("queue_full");
    const now = this.#now();
    const id = `job_${crypto.randomUUID().replaceAll("-", "")}`;
    this.#mayWait = true;
    return this.#table.add(id, job, now - EARLIER_MS[job.priority], now);
  }

  find(id: string): Job | undefined {
    return this.#table.find(id);
  }

  /** The latest first. */
  list(filter: JobFilter): Job[] {
    return this.#table.list(filter);
  }

  /** The answer of a job, as `mergeEvents` made it; empty where there is none. */
  result(id: string): Uint8Array {
    return this.#table.result(id);
  }

  /** Ends a job that waits or runs. Returns whether it did. */
  cancel(id: string): boolean {
    const job = this.#table.find(id);
    return job !== undefined && this.#end(job, "cancelled", {});
  }

  /** Forgets a job that has ended. Returns whether there is none any more. */
  remove(id: string): boolean {
    this.#table.remove(id);
    return this.#table.find(id) === undefined;
  }

  /** A key or a person is gone: what they have under way ends; of a person, nothing is left. */
  callerGone(id: string): void {
    for (const job of this.#table.activeOf(id)) this.#end(job, "cancelled", {});
    this.#table.removeOf(id);
  }

  callerChanged(caller: Caller): void {
    this.#table.setCaller(caller);
  }

  /** An attempt has ended. One that is not the current one of a job is not heard. */
  ended(runId: string, end: RunEnd): void {
    const job = this.#table.byRun(runId);
    if (job === undefined) return;
    const failure = "error" in end ? end : end.events.find((event) => event.type === "error");
    if (failure !== undefined) return this.#failed(job, failure.error);
    const result = encodeJson(mergeEvents("events" in end ? end.events : []));
    if (result.length > JOB_LIMITS.resultBytes) {
      const sentence = `The answer is larger than the ${JOB_LIMITS.resultBytes / 2 ** 20} MiB that are kept. Ask for less.`;
      return void this.#end(job, "failed", { error: new PorchlightError("body_too_large", sentence).toWire(), runId });
    }
    this.#end(job, "completed", { result, runId });
  }

  /** Starts what can start, ends what is late, forgets what is old. */
  tick(): void {
    const now = this.#now();
    this.#restore();
    for (const job of this.#table.overdue(now)) this.#end(job, "expired", {});
    this.#startAll(now);
    this.#table.purge(now - JOB_LIMITS.keptMs, JOB_LIMITS.kept);
  }

  /** Whether a machine that came, or has room again, may make a difference: costs nothing to ask. */
  get mayWait(): boolean {
    return this.#mayWait;
  }

  /** When `tick` is due, if nothing happens before. */
  nextAtMs(): number | undefined {
    const now = this.#now();
    const nextStartMs = this.#table.nextStartMs();
    // What may start and did not waits for a machine: those tell when they come, but their health counts again by time alone.
    const startMs = nextStartMs === undefined ? [] : [nextStartMs > now ? nextStartMs : now + JOB_LIMITS.lookAgainMs];
    const deadlineMs = this.#table.nextDeadlineMs();
    const endMs = this.#table.oldestEndMs();
    const moments = [
      ...startMs,
      ...(deadlineMs === undefined ? [] : [deadlineMs]),
      ...(endMs === undefined ? [] : [endMs + JOB_LIMITS.keptMs + 1]),
    ];
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** How these jobs stand: place, likely start, progress. */
  standings(jobs: readonly Job[]): Map<string, JobStanding> {
    const now = this.#now();
    const isAny = jobs.some(({ state }) => state === "queued");
    const queued = isAny ? this.#table.queued(JOB_LIMITS.considered) : [];
    const positions = new Map((isAny ? this.#table.order() : []).map((id, index) => [id, index + 1]));
    const starts = estimateStarts(
      queued.map((job) => ({
        id: job.id,
        delayMs: Math.max(0, job.notBeforeMs - now),
        prospects: this.#runner.prospects(job),
      })),
    );
    return new Map(
      jobs.map(({ id, runId }) => [
        id,
        {
          position: positions.get(id),
          startsInMs: starts.get(id),
          progress: runId === null ? undefined : this.#runner.progress(runId),
        },
      ]),
    );
  }

  /** What the object's last life had started and nobody knows any more is tried again. It counts: the job itself may be the cause. */
  #restore(): void {
    if (this.#isRestored) return;
    this.#isRestored = true;
    const lost = new PorchlightError("agent_disconnected", "The edge restarted while the job ran.").toWire();
    for (const job of this.#table.running()) {
      if (job.runId === null || !this.#runner.has(job.runId)) this.#failed(job, lost);
    }
  }

  #startAll(now: number): void {
    // Where one job found no room, the next for the same model finds none.
    const full = new Set<string>();
    const queued = this.#table.queued(JOB_LIMITS.considered);
    this.#mayWait = queued.length > 0;
    for (const job of queued) {
      if (job.notBeforeMs > now || full.has(job.model)) continue;
      try {
        if (this.#runner.hasRoom(job)) this.#start(job, now);
        else full.add(job.model);
      } catch (thrown) {
        const error = PorchlightError.from(thrown);
        if (error.code === "agent_offline" || error.code === "model_not_found") full.add(job.model);
        this.#notStarted(job, error, now);
      }
    }
  }

  /** Throws PorchlightError where nothing was started and the job only has to wait. */
  #start(job: Job, now: number): void {
    const { id, model, caller, maxTokens } = job;
    const runId = `${id}.${job.attempts + 1}.${this.#nonce()}`;
    this.#table.start(id, runId, now);
    try {
      this.#runner.start({ runId, model, caller, maxTokens, body: this.#table.request(id) });
    } catch (thrown) {
      const error = PorchlightError.from(thrown);
      if (isWait(error.code)) {
        this.#table.requeue(id, now, job.error ?? undefined, true);
        throw error;
      }
      if (error.code === "internal") console.error(`job ${id}: it could not be started:`, thrown);
      this.#failed({ ...job, runId, attempts: job.attempts + 1 }, error.toWire());
    }
  }

  /** Tells attempts of the same number apart: one that was taken back, and the next. */
  #nonce(): string {
    return Math.floor(this.#random() * 2 ** 32).toString(36);
  }

  /** No machine can take it, or its caller's limit is reached: it waits on, unless that will never change. */
  #notStarted(job: Job, error: PorchlightError, now: number): void {
    const wire = error.toWire();
    if (!isWait(error.code)) return void this.#end(job, "failed", { error: wire });
    const isLimit = error.code === "rate_limit_exceeded";
    const waitMs = Math.min(JOB_LIMITS.limitWaitMaxMs, error.retryAfterMs ?? JOB_LIMITS.lookAgainMs);
    const notBeforeMs = isLimit ? now + waitMs : job.notBeforeMs;
    if (isLimit || job.error?.message !== wire.message) this.#table.requeue(job.id, notBeforeMs, wire);
  }

  #failed(job: Job, error: WireError): void {
    const now = this.#now();
    this.#mayWait = true;
    if (isWait(error.code)) return this.#table.requeue(job.id, now + backOffMs(1, this.#random()), error, true);
    if (mayRetry(error.code, job.attempts)) {
      return this.#table.requeue(job.id, now + backOffMs(job.attempts, this.#random()), error);
    }
    this.#end(job, "failed", { error, ...(job.runId === null ? {} : { runId: job.runId }) });
  }

  #end(job: Job, state: EndState, of: { runId?: string; error?: WireError; result?: Uint8Array }): boolean {
    const ended = this.#table.end(job.id, state, { nowMs: this.#now(), ...of });
    if (ended === undefined) return false;
    if (job.runId !== null && of.runId === undefined) this.#runner.cancel(job.runId);
    this.#onEnded(ended);
    return true;
  }
}
