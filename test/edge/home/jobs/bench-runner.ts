import type { JobQueueOptions } from "../../../../edge/home/jobs/job-queue.ts";
import { JobQueue } from "../../../../edge/home/jobs/job-queue.ts";
import type { Job, NewJob } from "../../../../edge/home/jobs/job.ts";
import type { JobNeeds, JobRun, JobRunner, Prospect } from "../../../../edge/home/jobs/runner.ts";
import { NO_LIMITS } from "../../../../edge/credentials/key-grant.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import { encodeJson } from "../../../../shared/protocol/json.ts";

/** Machines as the queue sees them, moved by hand. */
export class HandRunner implements JobRunner {
  slots = 1;
  /** Thrown by `hasRoom`. */
  nobody: PorchlightError | undefined;
  /** Thrown by `start`. */
  refusal: PorchlightError | undefined;
  readonly started: JobRun[] = [];
  readonly running = new Set<string>();
  readonly cancelled: string[] = [];

  hasRoom(_needs: JobNeeds): boolean {
    if (this.nobody) throw this.nobody;
    return this.running.size < this.slots;
  }

  start(run: JobRun): void {
    if (this.refusal) throw this.refusal;
    this.started.push(run);
    this.running.add(run.runId);
  }

  cancel(runId: string): void {
    this.cancelled.push(runId);
    this.running.delete(runId);
  }

  has(runId: string): boolean {
    return this.running.has(runId);
  }

  progress() {
    return undefined;
  }

  prospects(): Prospect[] {
    if (this.nobody) return [];
    return [{ agentId: "a", slots: this.slots, load: this.running.size, waitMs: 1_000, runMs: 10_000 }];
  }

  /** The last run that was started. */
  get last(): string {
    return this.started.at(-1)?.runId ?? "";
  }
}

/** A queue over a Durable Object's own SQLite, with a clock and chance of the test's. */
export class Bench {
  nowMs = Date.UTC(2026, 10, 22);
  readonly runner = new HandRunner();
  readonly ends: Job[] = [];
  queue: JobQueue;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const table of ["jobs", "job_parts"]) sql.exec(`DROP TABLE IF EXISTS ${table}`);
    this.queue = this.#open();
  }

  /** The object's next life: nothing but its SQLite is left; machines may go on. */
  restart(options: { runsLive: boolean }): void {
    if (!options.runsLive) this.runner.running.clear();
    this.queue = this.#open();
  }

  add(wanted: Partial<NewJob> = {}): Job {
    return this.queue.add({ ...PLAIN, ...wanted });
  }

  /** After a while. */
  at(afterMs: number): void {
    this.nowMs += afterMs;
    this.queue.tick();
  }

  state(job: Job): string | undefined {
    return this.queue.find(job.id)?.state;
  }

  /** The run ends with an answer. */
  finish(runId = this.runner.last, text = "done"): void {
    this.runner.running.delete(runId);
    this.queue.ended(runId, { events: answer(text) });
  }

  fail(code: ConstructorParameters<typeof PorchlightError>[0], runId = this.runner.last): void {
    this.runner.running.delete(runId);
    this.queue.ended(runId, { error: new PorchlightError(code).toWire() });
  }

  #open(): JobQueue {
    const options: JobQueueOptions = {
      sql: this.#sql,
      runner: this.runner,
      onEnded: (job) => this.ends.push(job),
      now: () => this.nowMs,
      random: () => 0.5,
    };
    return new JobQueue(options);
  }
}

export const PLAIN: NewJob = {
  userId: "ann",
  caller: { id: "ann", version: 0, limits: NO_LIMITS },
  model: "starter",
  priority: "normal",
  deadlineMs: 24 * 3600_000,
  title: "hello",
  body: encodeJson({ model: "starter", messages: [{ role: "user", content: "hello" }], sampling: {} }),
};

export function answer(text: string): GenerateEvent[] {
  const pieces = [text.slice(0, 1), ...(text.slice(1).match(/.{1,65536}/gs) ?? [])];
  return [
    { type: "progress", stage: "prefill" },
    ...pieces.map((piece): GenerateEvent => ({ type: "text", text: piece })),
    { type: "usage", promptTokens: 3, completionTokens: text.length },
    { type: "finish", reason: "stop" },
  ];
}
