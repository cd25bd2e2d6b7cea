import { AgentProcess, type Disk, machineOf } from "./agent/agent-process.ts";
import type { Script } from "./agent/script.ts";
import { connectSocketsTo } from "./agent/ws.ts";
import { askOnce, type Outcome } from "./client/client.ts";
import { type EmbedOutcome, embedOnce } from "./client/embed-client.ts";
import { askJob, type JobClientOptions, type JobOutcome } from "./client/job-client.ts";
import { RunsOfEdge } from "./client/runs-of-edge.ts";
import { Webhooks } from "./client/webhooks.ts";
import { type Admitted, Admissions } from "./edge/admissions.ts";
import { Door } from "./edge/door.ts";
import { VirtualDatabase } from "./edge/database.ts";
import { ObjectHost } from "./edge/object-host.ts";
import { connectFetchTo } from "./edge/outbound.ts";
import type { Caller, HomeObject, Product } from "./edge/product.ts";
import { Kernel, type Process, Violation } from "./kernel/kernel.ts";
import type { Random } from "./kernel/random.ts";
import { CALM, type NetworkFaults } from "./net/faults.ts";
import type { Plan } from "./plan.ts";

/** Longest that anything said before is on its way. */
const HEARD_MS = 10_000;

/** One household with its edge, its machines and those who ask them: all that a run has. */
export class World {
  readonly kernel: Kernel;
  readonly plan: Plan;
  readonly random: Random;
  readonly product: Product;
  readonly host: ObjectHost<HomeObject>;
  readonly door: Door;
  /** The process of each machine, and a second one of the same machine where somebody started it twice. */
  readonly agents: AgentProcess[] = [];
  readonly outcomes: Outcome[] = [];
  readonly embeddings: EmbedOutcome[] = [];
  readonly jobs: JobOutcome[] = [];
  readonly #admissions = new Admissions(() => ({ sql: this.host.sql, nowMs: this.kernel.nowMs }));
  /** Machines that the Home object was told are shut out. */
  readonly shutOut = new Set<string>();
  /** Keys that it was told are revoked, and since when. */
  readonly revokedKeys = new Map<string, number>();
  /** Machines that it was told to send no more work, and since when. */
  readonly drained = new Map<string, number>();
  /** Machines that somebody has put to sleep. */
  readonly asleep = new Set<string>();
  readonly webhooks: Webhooks;
  readonly #disks = new Map<string, Disk>();
  network: NetworkFaults;
  /** The process that makes trouble. */
  readonly root: Process;
  #lives = 0;

  constructor(seed: number, plan: Plan, product: Product) {
    this.plan = plan;
    this.product = product;
    this.network = plan.network;
    this.kernel = new Kernel(seed, plan.epochMs);
    this.root = this.kernel.current;
    this.random = this.kernel.random.fork("world");
    const database = new VirtualDatabase(this.kernel);
    const env = { DB: database.binding(), PUBLIC_ORIGIN: "", PASSWORDS: "" };
    const faults = (): NetworkFaults => ({ ...this.network, loseChance: 0, doubleChance: 0, swapChance: 0 });
    this.host = new ObjectHost<HomeObject>({
      kernel: this.kernel,
      random: this.kernel.random.fork("host"),
      // Between the Worker and the object only calm or slow: it is one company's own network.
      faults,
      tunnelFaults: () => this.network,
      skewMs: plan.homeSkewMs,
      create: (ctx) => new product.Home(ctx, env),
      onAnswer: (request, bodyBytes, response) => this.#admissions.note(request, bodyBytes, response),
    });
    this.door = new Door({
      kernel: this.kernel,
      random: this.random.fork("door"),
      faults,
      host: this.host,
      product,
      database,
    });
    this.webhooks = new Webhooks(this.kernel, this.random.fork("webhooks"), this.host);
    connectFetchTo((request, answer) => this.webhooks.receive(request, answer));
    connectSocketsTo((agentId, end, answer) => this.door.dial(agentId, end, answer));
  }

  /** Starts a process of the n-th machine. */
  startAgent(n: number): AgentProcess {
    const machine = machineOf(n);
    this.asleep.delete(machine.id);
    if (!this.door.knows(machine.id)) this.door.pair(machine);
    const skewMs = this.random.chance(0.3) ? this.random.int(-300_000, 300_000) : 0;
    const life = ++this.#lives;
    const disk = this.#disks.get(machine.id) ?? { draining: false };
    this.#disks.set(machine.id, disk);
    const agent = new AgentProcess({
      kernel: this.kernel,
      random: this.random.fork(`agent ${life}`),
      machine,
      disk,
      life,
      skewMs,
      sleeping: this.plan.sleeps
        ? { isSleeper: n === this.plan.agents - 1, onWake: (macs) => this.#magicPacket(macs) }
        : undefined,
      engine: {
        onBegin: (id) => this.#onBegin(machine.id, id),
        onImpossible: (error) => {
          if (!this.plan.hostile) this.kernel.fail(error);
        },
      },
    });
    this.agents.push(agent);
    return agent;
  }

  /** The process dies as it stands, with its sockets. */
  killAgent(agent: AgentProcess): void {
    this.kernel.trace(`kills ${agent.process.name}`);
    this.kernel.kill(agent.process);
    this.agents.splice(this.agents.indexOf(agent), 1);
    for (const wire of this.door.wiresOf(agent.machine.id)) if (wire.isOf(agent.process)) wire.drop(0);
  }

  /** The last machine goes to sleep: its process is as good as dead until a packet or a person wakes it. */
  sleep(): void {
    const { id } = machineOf(this.plan.agents - 1);
    // Its card says nothing more: the edge does not hear of it for long.
    for (const wire of this.door.wiresOf(id)) wire.goDead();
    for (const agent of this.agents.filter(({ machine }) => machine.id === id)) this.killAgent(agent);
    this.asleep.add(id);
  }

  /** A packet goes over the network, and may get lost there. */
  #magicPacket(macs: string[]): void {
    this.kernel.trace(`sends a packet to ${macs.join(", ")}`);
    const n = this.plan.agents - 1;
    const { id, mac } = machineOf(n);
    if (!macs.includes(mac) || this.random.chance(0.2)) return;
    this.kernel.plan(this.root, this.random.spread(2_000, 20_000), () => {
      if (this.asleep.has(id)) this.startAgent(n);
    });
  }

  ask(options: {
    script: Script;
    caller: Caller;
    manner: Parameters<typeof askOnce>[0]["manner"];
    maxTokens?: number;
  }): void {
    const requestId = `request-${this.outcomes.length}`;
    const { home, ...client } = this.#client(requestId);
    const from = {
      requestId,
      caller: options.caller,
      priority: "normal",
      models: null,
      onHeaders: () => undefined,
    } as const;
    const runs = new RunsOfEdge(this.product.homeBackend(home, from), requestId);
    this.outcomes.push(askOnce({ ...client, runs, ...options }));
  }

  /** Answers that the Home object began: what limits count. */
  get admitted(): readonly Admitted[] {
    return this.#admissions.all;
  }

  embed(caller: Caller): void {
    this.embeddings.push(embedOnce({ ...this.#client(`embed-${this.embeddings.length}`), caller }));
  }

  askJob(options: Pick<JobClientOptions, "script" | "model" | "caller" | "deadlineMs" | "cancelsAfterMs">): void {
    const { kernel, product } = this;
    const random = this.random.fork(`job ${this.jobs.length}`);
    const { hostile } = this.plan;
    this.jobs.push(askJob({ kernel, product, random, hostile, home: this.#client("job").home, ...options }));
  }

  /** The edge as whoever asks sees it. */
  #client(requestId: string) {
    const { kernel, product } = this;
    const home = {
      fetch: (request: Request) => this.host.fetch(request),
      callJobs: (method: string, args: unknown[]) => this.host.call((object) => object.callJobs(method, args)),
      cancelRun: (id: string, callerId: string) => this.host.call((object) => object.cancelRun(id, callerId)),
    };
    return { kernel, product, home, requestId, random: this.random.fork(requestId) };
  }

  async revoke(agentId: string): Promise<void> {
    await this.door.revoke(agentId, () => {
      // It may have been let in again meanwhile.
      if (this.door.isRevoked(agentId)) this.shutOut.add(agentId);
      this.drained.delete(agentId); // All that was known of it is forgotten.
    });
  }

  restore(agentId: string): void {
    this.shutOut.delete(agentId);
    this.door.restore(agentId);
  }

  /** Whether the machine itself believes to be out of service. */
  isDraining(agentId: string): boolean {
    return this.#disks.get(agentId)?.draining === true;
  }

  /** The last word counts: only one call at a time is under way. */
  async drain(agentId: string, draining: boolean): Promise<void> {
    this.drained.delete(agentId);
    await this.host.call(async (home) => {
      await home.drain(agentId, draining);
      if (draining) this.drained.set(agentId, this.kernel.nowMs);
      else this.drained.delete(agentId);
    });
  }

  async revokeKey(id: string): Promise<void> {
    await this.host.call((home) => {
      home.keyRevoked(id);
      this.revokedKeys.set(id, this.kernel.nowMs);
    });
  }

  /** No more trouble: who was shut out is let in again, and a while later, when all have heard so, what is down is started. */
  heal(): void {
    this.network = CALM;
    this.webhooks.isCalm = true;
    this.door.isDown = false;
    for (let n = 0; n < this.plan.agents; n++) {
      const { id } = machineOf(n);
      if (this.door.isRevoked(id)) this.restore(id);
      this.drain(id, false).catch((error: unknown) => this.kernel.fail(error));
      // What a hostile network swallowed is lost to the connection for good: a real one would not be usable.
      if (this.plan.hostile) for (const wire of this.door.wiresOf(id)) wire.cut();
    }
    this.kernel.plan(this.root, HEARD_MS, () => {
      for (let n = 0; n < this.plan.agents; n++) this.#startIfDown(n);
    });
  }

  #startIfDown(n: number): void {
    const { id } = machineOf(n);
    // Whoever needs it wakes it.
    if (this.asleep.has(id)) return;
    const mine = this.agents.filter(({ machine }) => machine.id === id);
    for (const agent of mine) if (agent.state.state === "refused" || agent.stopped) this.killAgent(agent);
    if (!mine.some(({ process }) => process.alive)) this.startAgent(n);
  }

  close(): void {
    this.host.close();
    connectSocketsTo(undefined);
    connectFetchTo(undefined);
  }

  /** A machine out of service finishes what it has, and gets nothing that was asked for later. */
  #onBegin(agentId: string, scriptId: string): void {
    const sinceMs = this.drained.get(agentId) ?? Infinity;
    const outcome = this.outcomes.find(({ script }) => script.id === scriptId);
    if (outcome && outcome.startedAtMs > sinceMs) {
      this.kernel.fail(new Violation(`${agentId} is out of service and got ${outcome.requestId}`));
    }
  }
}
