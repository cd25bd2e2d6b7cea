import type { EdgeBindings } from "../env.ts";
import { database } from "../store/database.ts";
import { allowedHosts } from "../webhooks/allowed-hosts.ts";
import { webhookSender } from "../webhooks/send.ts";
import { BatchDesk } from "./batches/desk.ts";
import { JobDesk } from "./jobs/desk.ts";
import type { JobRunner } from "./jobs/runner.ts";
import { KeptDesk } from "./kept/desk.ts";
import { MemoryDesk } from "./memory/desk.ts";
import type { Machines } from "./dispatch/machines.ts";
import type { GenerateJob } from "./generate-job.ts";
import { offerStateless, type StatelessOffer } from "./plugins/loop/offer-stateless.ts";
import { modelNamed } from "./sessions/turns/model-of-turn.ts";
import { Approvals } from "./plugins/loop/approvals.ts";
import { type LoopRuns, ToolLoop } from "./plugins/loop/tool-loop.ts";
import { HookDesk } from "./hooks/desk.ts";
import { TurnAsides } from "./plugins/asides/asides.ts";
import { PluginClock } from "./plugins/clock/clock.ts";
import type { MountDesk } from "./mcp/desk.ts";
import type { PluginDesk } from "./plugins/desk.ts";
import type { KeptFiles } from "./plugins/picked-files.ts";
import { ToolBoxes } from "./plugins/tool-boxes.ts";
import type { EndedRun } from "./runs/new-run.ts";
import type { ScheduleDesk } from "./schedules/desk.ts";
import { databasePermits } from "./schedules/permit.ts";
import { homeSchedules } from "./schedules/home-schedules.ts";
import type { ArchivePort } from "./sessions/archive-port.ts";
import { sessionConfiguration } from "./sessions/configuration.ts";
import { SessionDesk } from "./sessions/desk.ts";
import type { Embedder } from "./sessions/meaning/meaning-index.ts";
import type { BackupStore } from "./sessions/tiers/backup-store.ts";
import { TurnDesk } from "./sessions/turns/desk.ts";
import type { TurnRunner } from "./sessions/turns/runner.ts";

export interface DesksOptions {
  storage: DurableObjectStorage;
  env: EdgeBindings;
  runner: JobRunner;
  turnRunner: TurnRunner;
  /** The archives of the household's machines; absent: every turn stays here. */
  archive?: ArchivePort;
  /** Absent: there is no backup. */
  backup?: BackupStore | undefined;
  embedder: Embedder;
  loopRuns: () => LoopRuns;
  /** The plugins' desk, over files that people keep here. */
  plugins: (files: KeptFiles) => PluginDesk;
  mounts: MountDesk;
  /** Has `tick` called at that time at the latest. */
  wakeAt: (atMs: number) => void;
}

/** What a household has beside its machines: jobs and webhooks, facts, conversations, schedules. Each is reached by the Worker. */
export class Desks {
  readonly jobs: JobDesk;
  readonly batches: BatchDesk;
  readonly kept: KeptDesk;
  readonly memory: MemoryDesk;
  readonly sessions: SessionDesk;
  readonly schedules: ScheduleDesk;
  readonly turns: TurnDesk;
  /** What models may call: plugins, mounted servers. */
  readonly toolBoxes = new ToolBoxes();
  readonly approvals: Approvals;
  readonly toolLoop: ToolLoop;
  readonly plugins: PluginDesk;
  /** Mounted servers of MCP. */
  readonly mounts: MountDesk;
  /** Inbound webhooks. */
  readonly hooks: HookDesk;
  /** What plugins do by themselves. */
  readonly clock: PluginClock;

  constructor({
    storage,
    env,
    runner,
    turnRunner,
    archive,
    backup,
    embedder,
    loopRuns,
    plugins,
    mounts,
    wakeAt,
  }: DesksOptions) {
    const { sql } = storage;
    const wakeFor = (desk: { nextAtMs: () => number | undefined }): void => {
      const atMs = desk.nextAtMs();
      if (atMs !== undefined) wakeAt(atMs);
    };
    this.approvals = new Approvals({ sql, onDue: wakeAt });
    this.toolLoop = new ToolLoop({ sql, approvals: this.approvals, box: this.toolBoxes, runs: loopRuns });
    this.jobs = new JobDesk({
      sql,
      runner,
      send: webhookSender(allowedHosts(env)),
      onEnded: (job) => {
        this.schedules.jobEnded(job);
        this.batches.jobEnded(job);
      },
      onChange: () => wakeFor(this.jobs),
    });
    const transaction = (step: () => void): void => storage.transactionSync(step);
    this.batches = new BatchDesk({ sql, transaction, jobs: this.jobs, onChange: () => wakeFor(this.batches) });
    this.plugins = plugins(this.batches);
    this.toolBoxes.add(this.plugins);
    this.mounts = mounts;
    this.toolBoxes.add(this.mounts);
    this.kept = new KeptDesk({ sql, transaction, onChange: () => wakeFor(this.kept) });
    this.memory = new MemoryDesk({ sql });
    this.sessions = new SessionDesk({
      sql,
      transaction: (step) => storage.transactionSync(step),
      configuration: sessionConfiguration(env),
      ...(archive === undefined ? {} : { archive }),
      backup,
      embedder,
      onRemove: (id) => this.turns.sessionGone(id),
      onChange: () => wakeFor(this.sessions),
    });
    this.turns = new TurnDesk({
      store: this.sessions.store,
      memory: this.memory,
      runner: turnRunner,
      tools: this.toolLoop,
      asides: new TurnAsides(this.plugins),
      configuration: sessionConfiguration(env),
    });
    this.schedules = homeSchedules({
      sql,
      db: () => database(env.DB),
      jobs: this.jobs,
      memory: this.memory,
      store: this.sessions.store,
      onChange: () => wakeFor(this.schedules),
    });
    this.hooks = new HookDesk({
      sql,
      transaction,
      plugins: this.plugins,
      turns: this.turns,
      sessions: this.sessions.store,
      findPermit: async (owner) => await databasePermits(() => database(env.DB))(owner),
      hasWebhook: (userId, name) => this.plugins.withPart(userId, "webhook").some((one) => one.name === name),
      onChange: () => wakeFor(this.hooks),
    });
    this.clock = new PluginClock({ sql, plugins: this.plugins, onChange: () => wakeFor(this.clock) });
    this.plugins.follower = {
      changed: (userId) => this.clock.sync(userId),
      removing: (userId, name) => this.hooks.pluginGone(userId, name),
      setCaller: (userId, caller) => this.clock.setCaller(userId, caller),
      nextRunMs: (userId, name) => this.clock.nextRunMs(userId, name),
    };
    this.plugins.updates.onChange = () => wakeFor(this.plugins.updates);
    for (const desk of [this.hooks, this.clock, this.plugins.updates]) wakeFor(desk);
  }

  /** A request of the inference API with the tools of the plugins that it names. Throws PorchlightError. */
  offerTools(job: GenerateJob, machines: Machines): StatelessOffer {
    const { pluginsOf: userId, body, prefix, caller, model, models = null, priority = "normal" } = job;
    if (userId === undefined) return { body, prefix, offer: undefined };
    const { contextLength } = modelNamed(machines.models(), model);
    return offerStateless(this.toolLoop, { body, userId, payer: { caller, models, priority }, contextLength });
  }

  /** A machine said how it stands. */
  machinesChanged(): void {
    this.jobs.machinesChanged();
    this.sessions.machinesChanged();
    this.hooks.machinesChanged();
  }

  /** A run of one of these has come to its end. */
  runEnded(run: EndedRun): void {
    if (run.owner !== "job") {
      this.turns.ended(run);
      return this.hooks.turnEnded();
    }
    this.jobs.ended(run.id, "error" in run.outcome ? { error: run.outcome.error } : run.outcome);
  }

  /** Does what is due. */
  tick(): void {
    this.jobs.tick();
    this.schedules.tick();
    this.hooks.tick();
    this.clock.tick();
    this.plugins.updates.tick();
    this.batches.tick();
    this.kept.tick();
    // It goes on behind this: what breaks it off is made good by the next.
    void this.sessions.tick();
  }

  /** A key was revoked, or a person left: what they have under way ends; of a person, nothing stays. */
  callerGone(id: string): void {
    this.hooks.callerGone(id);
    this.schedules.callerGone(id);
    this.jobs.callerGone(id);
    this.batches.callerGone(id);
    this.kept.callerGone(id);
    this.memory.personGone(id);
    this.sessions.personGone(id);
    this.approvals.personGone(id);
    this.plugins.personGone(id);
    this.clock.personGone(id);
    this.mounts.personGone(id);
  }
}
