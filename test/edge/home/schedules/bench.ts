import { NO_LIMITS } from "../../../../edge/credentials/key-grant.ts";
import { takeMade } from "../../../../edge/home/made.ts";
import { JobDesk } from "../../../../edge/home/jobs/desk.ts";
import { ScheduleDesk, type ScheduleView } from "../../../../edge/home/schedules/desk.ts";
import type { Permit } from "../../../../edge/home/schedules/permit.ts";
import type { Landing, SchedulingSessions } from "../../../../edge/home/schedules/ports.ts";
import type { ScheduleOwner, SchedulePlan } from "../../../../edge/home/schedules/schedule.ts";
import { PorchlightError } from "../../../../shared/errors.ts";
import { decodeJson } from "../../../../shared/protocol/json.ts";
import { generateRequestSchema } from "../../../../shared/inference/request.ts";
import { answer, HandRunner } from "../jobs/bench-runner.ts";

/** Sessions in memory, which outlive the object as its SQLite does. */
export class HandSessions implements SchedulingSessions {
  readonly held = new Map<string, { userId: string; title: string; turns: Landing[] }>();
  /** Nothing lands while it is set. */
  broken = false;
  /** Turns of a session, at most. */
  room = Infinity;
  #made = 0;

  has(userId: string, sessionId: string): boolean {
    return this.held.get(sessionId)?.userId === userId;
  }

  make(userId: string, title: string): string {
    const id = `ses_${this.#made++}`;
    this.held.set(id, { userId, title, turns: [] });
    return id;
  }

  land(landing: Landing): number | undefined {
    if (this.broken) throw new Error("as the test has it");
    const turns = this.held.get(landing.sessionId)?.turns ?? [];
    return turns.length < this.room ? turns.push(landing) - 1 : undefined;
  }

  get answers(): string[] {
    return [...this.held.values()].flatMap(({ turns }) => turns.map(({ messages }) => messages.at(-1)?.content ?? ""));
  }
}

export const ANN: ScheduleOwner = { userId: "ann", keyId: null };
/** Monday. */
export const START_MS = Date.parse("2026-11-23T06:30:00Z");
export const HOUR_MS = 3600_000;

export const PLAN: SchedulePlan = {
  title: "Morning",
  prompt: "What is on today?",
  model: "starter",
  maxTokens: null,
  cron: "0 8 * * 1-5",
  timeZone: "Europe/Berlin",
  toSession: true,
  sessionId: null,
  webhookId: null,
};

/** Schedules over a queue of jobs, both over a Durable Object's own SQLite, with a clock and machines of the test's. */
export class ScheduleBench {
  nowMs = START_MS;
  readonly runner = new HandRunner();
  readonly sessions = new HandSessions();
  readonly sent: { type: string; data: Record<string, unknown> }[] = [];
  permit: () => Promise<Permit | "person_gone" | "key_revoked"> = () => Promise.resolve(this.allowed);
  readonly allowed: Permit = { caller: { id: "ann", version: 0, limits: NO_LIMITS }, models: null, priority: "high" };
  jobs: JobDesk;
  desk: ScheduleDesk;
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    for (const table of ["jobs", "job_parts", "schedules", "schedule_runs"]) sql.exec(`DROP TABLE IF EXISTS ${table}`);
    [this.jobs, this.desk] = this.#open();
  }

  /** The object's next life: nothing but its SQLite is left; what ran goes on. */
  restart(): void {
    [this.jobs, this.desk] = this.#open();
  }

  add(plan: Partial<SchedulePlan> = {}, owner: ScheduleOwner = ANN): ScheduleView {
    return takeMade(this.desk.add(owner, { ...PLAN, ...plan }));
  }

  /** After a while the alarm rings; then whatever is asked has an answer. */
  async at(afterMs: number): Promise<void> {
    this.nowMs += afterMs;
    await this.tick();
  }

  async tick(): Promise<void> {
    this.jobs.tick();
    this.desk.tick();
    await settled();
  }

  async finish(text = "done"): Promise<void> {
    const runId = this.runner.last;
    this.runner.running.delete(runId);
    this.jobs.ended(runId, { events: answer(text) });
    await settled();
  }

  fail(code: ConstructorParameters<typeof PorchlightError>[0]): void {
    const runId = this.runner.last;
    this.runner.running.delete(runId);
    this.jobs.ended(runId, { error: new PorchlightError(code).toWire() });
  }

  view(id: string): ScheduleView | undefined {
    return this.desk.schedule(id, ANN_HERSELF);
  }

  /** What the machine was asked last. */
  get asked() {
    return decodeJson(this.runner.started.at(-1)?.body ?? new Uint8Array(), generateRequestSchema);
  }

  #open(): [JobDesk, ScheduleDesk] {
    const now = (): number => this.nowMs;
    const jobs = new JobDesk({
      sql: this.#sql,
      runner: this.runner,
      send: (_url, _headers, payload) => {
        this.sent.push(JSON.parse(payload));
        return Promise.resolve({ ok: true, status: 204, failure: null });
      },
      onEnded: (job) => desk.jobEnded(job),
      onChange: () => undefined,
      now,
      random: () => 0.5,
    });
    const desk = new ScheduleDesk({
      sql: this.#sql,
      jobs,
      sessions: this.sessions,
      findPermit: async () => await this.permit(),
      backgroundOf: (userId, prompt) => `${userId} asks: ${prompt}`,
      onChange: () => undefined,
      now,
    });
    return [jobs, desk];
  }
}

const ANN_HERSELF = { userId: "ann" };

/** All that waits for nothing but promises is done. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
