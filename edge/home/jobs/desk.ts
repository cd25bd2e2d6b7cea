import { z } from "zod";
import { PorchlightError } from "../../../shared/errors.ts";
import { type GenerateEvent, generateEventSchema } from "../../../shared/inference/event.ts";
import { decodeJson } from "../../../shared/protocol/json.ts";
import { Courier } from "../../webhooks/courier.ts";
import type { Delivery } from "../../webhooks/delivery.ts";
import type { Receiver } from "../../webhooks/receiver.ts";
import type { SendWebhook } from "../../webhooks/send.ts";
import type { Caller } from "../../credentials/key-grant.ts";
import { type Made, made } from "../made.ts";
import type { Job, JobState, NewJob } from "./job.ts";
import { JobQueue } from "./job-queue.ts";
import { JOB_LIMITS } from "./limits.ts";
import type { JobNeeds, JobRunner, RunEnd, RunProgress } from "./runner.ts";

/** Whose jobs somebody may see. */
export interface JobViewer {
  /** Absent: everybody's in the household. */
  userId?: string;
  /** Only what this key or person asked for. */
  callerId?: string;
}

/** A job with how it stands. Times are Unix milliseconds. */
export interface JobView extends Omit<Job, "caller" | "notBeforeMs" | "runId" | "bodyBytes" | "orderMs" | "maxTokens"> {
  position: number | null;
  estimatedStartMs: number | null;
  progress: RunProgress | null;
  /** When it is forgotten, once it has ended. */
  keptUntilMs: number | null;
}

/** A receiver of webhooks, without its secrets, and how the last messages to it went. */
export interface ReceiverView extends Pick<Receiver, "id" | "url" | "createdAtMs" | "goneAtMs" | "oldSecretUntilMs"> {
  deliveries: Delivery[];
}

const eventsSchema = z.array(generateEventSchema);

export interface JobDeskOptions {
  sql: SqlStorage;
  runner: JobRunner;
  send: SendWebhook;
  /** Hears of every job's end, in the step that writes it down. */
  onEnded?: (job: Job) => void;
  /** What is due may be due at another time now: see `nextAtMs`. */
  onChange: () => void;
  now?: () => number;
  random?: () => number;
}

/** Jobs and webhooks of a household: the Worker reaches it by `jobsOf`. */
export class JobDesk {
  readonly #queue: JobQueue;
  readonly #courier: Courier;
  readonly #runner: JobRunner;
  readonly #onChange: () => void;
  readonly #now: () => number;
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor({ sql, runner, send, onEnded, onChange, now = Date.now, random = Math.random }: JobDeskOptions) {
    this.#runner = runner;
    this.#onChange = onChange;
    this.#now = now;
    const ended = (job: Job): void => {
      this.#announce(job);
      onEnded?.(job);
    };
    this.#queue = new JobQueue({ sql, runner, now, random, onEnded: ended });
    this.#courier = new Courier({ sql, send, now, random, onSettled: () => this.#settled() });
  }

  /** Does what is due. Call it at `nextAtMs`. */
  tick(): void {
    this.#queue.tick();
    this.#courier.tick();
    this.#onChange();
  }

  /** A machine came, or may have room again. Jobs that wait are looked at behind this turn; costs nothing where none does. */
  machinesChanged(): void {
    if (!this.#queue.mayWait || this.#soon !== undefined) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.tick();
    }, 0);
  }

  nextAtMs(): number | undefined {
    const moments = [this.#queue.nextAtMs(), this.#courier.nextAtMs()].filter((at) => at !== undefined);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** An attempt at a job has ended. */
  ended(runId: string, end: RunEnd): void {
    this.#queue.ended(runId, end);
    this.#courier.tick();
    this.#onChange();
    this.machinesChanged();
  }

  /** Takes a job in. One that no machine of a known household could ever do is refused. */
  add(job: NewJob): Made<JobView> {
    return made(() => {
      this.requireDoable({ model: job.model, bodyBytes: job.body.length, maxTokens: job.maxTokens });
      const { id } = this.#queue.add(job);
      this.tick();
      return this.#view(this.#queue.find(id));
    });
  }

  /** Throws `model_not_found` and `model_task_mismatch`. What is only busy or away now is no matter. */
  requireDoable(needs: JobNeeds): void {
    try {
      this.#runner.hasRoom(needs);
    } catch (error) {
      const code = error instanceof PorchlightError ? error.code : undefined;
      if (code !== "agent_offline" && code !== "overloaded") throw error;
    }
  }

  list(viewer: JobViewer & { state?: JobState; beforeSeq?: number; limit: number }): JobView[] {
    return this.#views(this.#queue.list(viewer));
  }

  /** A job and, where it has one, its answer. */
  job(id: string, viewer: JobViewer): { job: JobView; events: GenerateEvent[] } | undefined {
    const job = this.#visible(id, viewer);
    if (job === undefined) return undefined;
    const result = this.#queue.result(id);
    return { job: this.#view(job), events: result.length === 0 ? [] : decodeJson(result, eventsSchema) };
  }

  /** The run that is a job's attempt now. */
  attempt(id: string, viewer: JobViewer): string | undefined {
    return this.#visible(id, viewer)?.runId ?? undefined;
  }

  /** Ends a job; one that has ended stays as it is. */
  cancel(id: string, viewer: JobViewer): JobView | undefined {
    if (this.#visible(id, viewer) === undefined) return undefined;
    if (this.#queue.cancel(id)) this.tick();
    return this.#view(this.#queue.find(id));
  }

  /** Forgets a job that has ended, and its answer. */
  remove(id: string, viewer: JobViewer): "removed" | "active" | "unknown" {
    if (this.#visible(id, viewer) === undefined) return "unknown";
    return this.#queue.remove(id) ? "removed" : "active";
  }

  /** A key was revoked, or a person left. */
  callerGone(id: string): void {
    this.#queue.callerGone(id);
    this.#courier.removeOf(id);
    this.tick();
  }

  callerChanged(caller: Caller): void {
    this.#queue.callerChanged(caller);
    this.tick();
  }

  receivers(userId: string): ReceiverView[] {
    return this.#courier.list(userId).map((receiver) => this.#receiverView(receiver));
  }

  /** A new receiver of webhooks: the one time that its secret is shown. */
  addReceiver(userId: string, url: string): Made<ReceiverView & { secret: string }> {
    return made(() => this.#withSecret(this.#courier.add(userId, url)));
  }

  /** Another secret for a receiver; undefined where the person has none of this id. */
  rotateSecret(userId: string, id: string): (ReceiverView & { secret: string }) | undefined {
    if (!this.#owns(userId, id)) return undefined;
    return this.#withSecret(this.#courier.rotate(id));
  }

  removeReceiver(userId: string, id: string): boolean {
    if (!this.#owns(userId, id)) return false;
    this.#courier.remove(id);
    this.#onChange();
    return true;
  }

  /** Sends a receiver a message that means nothing. */
  testReceiver(userId: string, id: string): boolean {
    if (!this.#owns(userId, id)) return false;
    this.#courier.post(userId, "webhook.test", { webhookId: id }, id);
    this.tick();
    return true;
  }

  hasReceiver(userId: string, id: string): boolean {
    return this.#owns(userId, id);
  }

  /** Puts a message for one of a person's receivers into the queue. `data` must be JSON. */
  tell(userId: string, receiverId: string, type: string, data: object): void {
    this.#courier.post(userId, type, data, receiverId);
    this.#settled();
  }

  #settled(): void {
    this.#courier.tick();
    this.#onChange();
  }

  #announce({ id, userId, model, state, error, createdAtMs, endedAtMs }: Job): void {
    const createdAt = new Date(createdAtMs).toISOString();
    const endedAt = new Date(endedAtMs ?? this.#now()).toISOString();
    this.#courier.post(userId, `job.${state}`, { id, model, state, createdAt, endedAt, error });
  }

  #visible(id: string, { userId, callerId }: JobViewer): Job | undefined {
    const job = this.#queue.find(id);
    if (job === undefined || (userId !== undefined && job.userId !== userId)) return undefined;
    return callerId === undefined || job.caller.id === callerId ? job : undefined;
  }

  #view(job: Job | undefined): JobView {
    const [view] = job === undefined ? [] : this.#views([job]);
    if (view === undefined) throw new PorchlightError("not_found", "There is no such job.");
    return view;
  }

  #views(jobs: readonly Job[]): JobView[] {
    const now = this.#now();
    const standings = this.#queue.standings(jobs);
    return jobs.map(
      ({
        caller: _caller,
        notBeforeMs: _notBefore,
        runId: _run,
        bodyBytes: _bytes,
        orderMs: _order,
        maxTokens: _max,
        ...job
      }) => {
        const { position, startsInMs, progress } = standings.get(job.id) ?? {};
        return {
          ...job,
          position: position ?? null,
          estimatedStartMs: startsInMs === undefined ? null : Math.round(now + startsInMs),
          progress: progress ?? null,
          keptUntilMs: job.endedAtMs === null ? null : job.endedAtMs + JOB_LIMITS.keptMs,
        };
      },
    );
  }

  #owns(userId: string, receiverId: string): boolean {
    return this.#courier.find(receiverId)?.userId === userId;
  }

  #withSecret(receiver: Receiver): ReceiverView & { secret: string } {
    return { ...this.#receiverView(receiver), secret: receiver.secret };
  }

  #receiverView({ id, url, createdAtMs, goneAtMs, oldSecretUntilMs }: Receiver): ReceiverView {
    return { id, url, createdAtMs, goneAtMs, oldSecretUntilMs, deliveries: this.#courier.log(id) };
  }
}
