import { DurableObject } from "cloudflare:workers";
import { PorchlightError } from "../../shared/errors.ts";
import { CLOSE_CODES } from "../../shared/protocol/close-codes.ts";
import { encodeWelcome } from "../../shared/protocol/edge-handshake.ts";
import { ARCHIVE_FEATURE, MCP_FEATURE, PLUGINS_FEATURE, RUNS_FEATURE } from "../../shared/protocol/handshake.ts";
import type { Caller } from "../credentials/key-grant.ts";
import type { EdgeBindings } from "../env.ts";
import { findAgent, touchAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";
import { VERSION } from "../version.ts";
import { AgentTable } from "./agent-table.ts";
import { readAttachment } from "./attachment.ts";
import { decodeDial } from "./dial.ts";
import { worstCaseTokens } from "./dispatch/candidates.ts";
import { type Demand, Dispatcher } from "./dispatch/dispatcher.ts";
import { type AgentStatus, Machines } from "./dispatch/machines.ts";
import { type DispatchSettings, DispatchSettingsTable } from "./dispatch/settings.ts";
import type { WakeOutcome } from "./dispatch/waker.ts";
import { decodeJob, encodeRefusal, type GenerateJob, isJob } from "./generate-job.ts";
import { callDesk, type DeskAnswer } from "./desk-calls.ts";
import { Desks } from "./desks.ts";
import { challenge, closeOverdue, handshakeDeadlineMs, takeProof } from "./handshakes.ts";
import type { JobDesk } from "./jobs/desk.ts";
import { DESK_METHODS, type DeskMethod } from "./jobs/desk-calls.ts";
import { MOUNT_METHODS, type MountDesk, type MountMethod } from "./mcp/desk.ts";
import { homeMounts } from "./mcp/home-mounts.ts";
import { isToolCall } from "./mcp/tool-call.ts";
import { ToolCalls } from "./mcp/tool-calls.ts";
import { homeEmbedder } from "./home-embedder.ts";
import { jobRunner } from "./jobs/home-runner.ts";
import { HOOK_METHODS, type HookDesk, type HookMethod } from "./hooks/desk.ts";
import { BATCH_METHODS, type BatchDesk, type BatchMethod } from "./batches/desk.ts";
import { KEPT_METHODS, type KeptDesk, type KeptMethod } from "./kept/desk.ts";
import { MEMORY_METHODS, type MemoryDesk, type MemoryMethod } from "./memory/desk.ts";
import { SCHEDULE_METHODS, type ScheduleDesk, type ScheduleMethod } from "./schedules/desk.ts";
import { SESSION_METHODS, type SessionDesk, type SessionMethod } from "./sessions/desk.ts";
import { TURN_METHODS, type TurnDesk, type TurnMethod } from "./sessions/turns/desk.ts";
import { turnRunner } from "./sessions/turns/home-runner.ts";
import { TunnelArchive } from "./archive/tunnel-archive.ts";
import { bucketBackup } from "./sessions/tiers/backup-store.ts";
import { PLUGIN_METHODS, type PluginDesk, type PluginMethod } from "./plugins/desk.ts";
import { homePlugins } from "./plugins/home-plugins.ts";
import { APPROVAL_METHODS, type ApprovalMethod, type Approvals } from "./plugins/loop/approvals.ts";
import { UPDATE_METHODS, type UpdateMethod } from "./plugins/updates/updates.ts";
import type { UsageRow } from "./quota/ledger.ts";
import { Quotas } from "./quota/quotas.ts";
import { decodeResume, encodeNote, isResume } from "./runs/resume-call.ts";
import { Runs } from "./runs/runs.ts";
import { closeSocket, sendBytes } from "./sockets.ts";
import { startEmbedding } from "./start-embedding.ts";
import { StreamOpener } from "./stream-opener.ts";
import { SESSION_LIMITS, Tunnels } from "./tunnels.ts";

/** `last_seen` in D1 is for people: finer than this only costs writes. */
const LAST_SEEN_EVERY_MS = 60_000;
/** What this edge can do beyond the protocol's first version. */
const EDGE_FEATURES = [RUNS_FEATURE, ARCHIVE_FEATURE, PLUGINS_FEATURE, MCP_FEATURE];
/**
 * One household: the one writer of an account's tunnels and running generations. It may be evicted whenever nothing runs: all it
 * needs afterwards is in its SQLite and in its sockets' attachments.
 */
export class Home extends DurableObject<EdgeBindings> {
  readonly #agents: AgentTable;
  readonly #tunnels: Tunnels;
  readonly #quotas: Quotas;
  readonly #dispatcher: Dispatcher;
  readonly #machines: Machines;
  readonly #opener: StreamOpener;
  readonly #runs: Runs;
  readonly #desks: Desks;
  readonly #toolCalls: ToolCalls;
  /** When the alarm rings, as far as this object knows. */
  #alarmAtMs: number | undefined;
  readonly #dispatchSettings: DispatchSettingsTable;

  constructor(ctx: DurableObjectState, env: EdgeBindings) {
    super(ctx, env);
    // Answered without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#agents = new AgentTable(ctx.storage.sql);
    this.#quotas = new Quotas(ctx.storage.sql);
    this.#dispatcher = new Dispatcher(ctx.storage.sql);
    this.#dispatchSettings = new DispatchSettingsTable(ctx.storage.sql);
    this.#machines = new Machines(this.#agents, () => this.#tunnels.all, this.#dispatcher);
    this.#tunnels = new Tunnels(ctx.getWebSockets(), {
      onControl: (agentId, message) => {
        if (message.type === "runs") return this.#runs.announced(agentId, message.runs);
        if (message.type !== "status") return; // The others are the edge's own to say.
        this.#machines.took(agentId, message);
        this.#runs.statusChanged();
        this.#desks.machinesChanged();
        this.#noteSeen(agentId, LAST_SEEN_EVERY_MS);
      },
      onClosed: (agentId) => this.#noteSeen(agentId, 0),
      pingedAtMs: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime(),
    });
    this.#opener = new StreamOpener({
      agents: this.#agents,
      tunnels: this.#tunnels,
      machines: this.#machines,
      dispatcher: this.#dispatcher,
      onUsed: (agentId) => this.#noteSeen(agentId, LAST_SEEN_EVERY_MS),
      onRoom: () => this.#desks.jobs.machinesChanged(),
    });
    this.#runs = new Runs({
      sql: ctx.storage.sql,
      quotas: this.#quotas,
      machines: this.#opener,
      onEnded: (run) => this.#desks.runEnded(run),
      shorter: (run) => (run.owner === "turn" ? this.#desks.turns.shorter(run) : undefined),
      worstTokens: (demand) => this.#worstTokens(demand),
      calls: { called: (run) => this.#desks.toolLoop.called(run), over: (id) => this.#desks.toolLoop.over(id) },
      onDue: (atMs) => ctx.waitUntil(this.#wakeAt(atMs)),
    });
    this.#desks = new Desks({
      storage: ctx.storage,
      env,
      runner: jobRunner(this.#machines, this.#runs),
      turnRunner: turnRunner(this.#machines, this.#runs, () => this.#dispatchSettings.get().replay === "on"),
      archive: new TunnelArchive({
        tunnels: () => this.#tunnels.all,
        openStream: (tunnel, header) => this.#tunnels.openStream(tunnel, header),
      }),
      backup: env.BACKUPS && bucketBackup(env.BACKUPS, ctx.id.name ?? ctx.id.toString()),
      loopRuns: () => this.#runs,
      mounts: homeMounts(ctx.storage, env, () => this.#tunnels),
      plugins: (files) =>
        homePlugins({
          storage: ctx.storage,
          env,
          files,
          home: ctx.id.name ?? ctx.id.toString(),
          machines: this.#machines,
          tunnels: () => this.#tunnels,
          runs: () => this.#runs,
        }),
      embedder: homeEmbedder(this.#machines, this.#opener),
      wakeAt: (atMs) => ctx.waitUntil(this.#wakeAt(atMs)),
    });
    this.#toolCalls = new ToolCalls(this.#desks.toolBoxes);
    this.#runs.restore();
    this.#desks.turns.recover();
  }

  /** Jobs and webhooks: see `jobsOf`. */
  callJobs(method: DeskMethod, args: unknown[]): DeskAnswer<JobDesk, DeskMethod> {
    return callDesk(this.#desks.jobs, DESK_METHODS, method, args);
  }

  /** What people asked to have remembered: see `memoryOf`. */
  callMemory(method: MemoryMethod, args: unknown[]): DeskAnswer<MemoryDesk, MemoryMethod> {
    return callDesk(this.#desks.memory, MEMORY_METHODS, method, args);
  }

  /** Files and batches of OpenAI's clients: see `batchesOf`. */
  callBatches(method: BatchMethod, args: unknown[]): DeskAnswer<BatchDesk, BatchMethod> {
    return callDesk(this.#desks.batches, BATCH_METHODS, method, args);
  }

  /** Responses and conversations of OpenAI's clients: see `keptRecordsOf`. */
  callKept(method: KeptMethod, args: unknown[]): DeskAnswer<KeptDesk, KeptMethod> {
    return callDesk(this.#desks.kept, KEPT_METHODS, method, args);
  }

  /** Scheduled prompts: see `schedulesOf`. */
  callSchedules(method: ScheduleMethod, args: unknown[]): DeskAnswer<ScheduleDesk, ScheduleMethod> {
    return callDesk(this.#desks.schedules, SCHEDULE_METHODS, method, args);
  }

  /** Conversations: see `sessionsOf`. */
  callSessions(method: SessionMethod, args: unknown[]): DeskAnswer<SessionDesk, SessionMethod> {
    return callDesk(this.#desks.sessions, SESSION_METHODS, method, args);
  }

  /** Plugins: see `pluginsOf`. */
  callPlugins(method: PluginMethod, args: unknown[]): DeskAnswer<PluginDesk, PluginMethod> {
    return callDesk(this.#desks.plugins, PLUGIN_METHODS, method, args);
  }

  /** Updates of plugins: see `pluginUpdatesOf`. */
  async callPluginUpdates(method: UpdateMethod, args: unknown[]) {
    return await callDesk(this.#desks.plugins.updates, UPDATE_METHODS, method, args);
  }

  /** Inbound webhooks: see `hooksOf`. */
  callHooks(method: HookMethod, args: unknown[]): DeskAnswer<HookDesk, HookMethod> {
    return callDesk(this.#desks.hooks, HOOK_METHODS, method, args);
  }

  /** Calls that wait for their person's word: see `approvalsOf`. */
  callApprovals(method: ApprovalMethod, args: unknown[]): DeskAnswer<Approvals, ApprovalMethod> {
    return callDesk(this.#desks.approvals, APPROVAL_METHODS, method, args);
  }

  /** Mounted servers of MCP: see `mountsOf`. */
  callMounts(method: MountMethod, args: unknown[]): DeskAnswer<MountDesk, MountMethod> {
    return callDesk(this.#desks.mounts, MOUNT_METHODS, method, args);
  }

  /** The tools that this person's clients may call: see `edge/mcp`. */
  offeredTools(userId: string): string {
    return JSON.stringify(this.#desks.toolBoxes.offered(userId));
  }

  /** Takes a call back that came over `fetch`. */
  cancelToolCall(cancelKey: string): boolean {
    return this.#toolCalls.cancel(cancelKey);
  }

  /** What is said in conversations: see `turnsOf`. */
  callTurns(method: TurnMethod, args: unknown[]): DeskAnswer<TurnDesk, TurnMethod> {
    return callDesk(this.#desks.turns, TURN_METHODS, method, args);
  }

  /**
   * A machine that dials (`encodeDial`), a generation or embedding to start (`encodeJob`), or a generation to go on with (`encodeResume`).
   * Only the Worker can call it.
   */
  override async fetch(request: Request): Promise<Response> {
    if (isResume(request)) return this.#resume(request);
    if (isToolCall(request)) return await this.#toolCalls.answer(request);
    return isJob(request) ? await this.#start(request) : await this.#accept(request);
  }

  async #accept(request: Request): Promise<Response> {
    const dial = decodeDial(request);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [dial.agentId]);
    challenge(server, dial);
    await this.#wakeAt(handshakeDeadlineMs(Date.now()));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Closes sockets that have not proved who they are in time, and forgets runs that are too old. */
  override async alarm(): Promise<void> {
    this.#alarmAtMs = undefined;
    const handshakeMs = closeOverdue(this.ctx.getWebSockets(), Date.now());
    this.#runs.tidy();
    this.#desks.tick();
    const runsMs = this.#runs.nextAtMs();
    if (handshakeMs !== undefined) await this.#wakeAt(handshakeMs);
    if (runsMs !== undefined) await this.#wakeAt(runsMs);
  }

  /** Has the alarm ring at that time at the latest. */
  async #wakeAt(atMs: number): Promise<void> {
    if (this.#alarmAtMs !== undefined && this.#alarmAtMs <= atMs) return;
    this.#alarmAtMs = atMs;
    const setMs = await this.ctx.storage.getAlarm();
    if (setMs === null || setMs > atMs) await this.ctx.storage.setAlarm(atMs);
    else this.#alarmAtMs = Math.min(setMs, this.#alarmAtMs);
  }

  override async webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): Promise<void> {
    const tunnel = this.#tunnels.of(socket);
    if (tunnel) {
      if (typeof message === "string") this.#tunnels.close(socket, CLOSE_CODES.protocol, "bad_message");
      else this.#tunnels.receive(tunnel, new Uint8Array(message));
      return;
    }
    const attachment = readAttachment(socket);
    if (attachment.phase !== "handshake") return;
    const spoken = await takeProof(socket, attachment, message);
    const { agentId } = attachment.handshake;
    if (spoken === undefined || !(await this.#mayCome(socket, agentId))) return;
    const generation = this.#agents.nextGeneration(agentId);
    const { protocol, features } = spoken;
    this.#tunnels.open(socket, agentId, generation, features);
    const limits = SESSION_LIMITS;
    const serverVersion = VERSION;
    sendBytes(socket, encodeWelcome({ protocol, limits, generation, serverVersion, features: EDGE_FEATURES }));
    this.#noteSeen(agentId, LAST_SEEN_EVERY_MS);
  }

  /**
   * The table of machines is read once more: between the Worker's look at it and this dial the machine may have been revoked, when it had
   * no socket to close yet.
   */
  async #mayCome(socket: WebSocket, agentId: string): Promise<boolean> {
    const agent = await findAgent(database(this.env.DB), agentId);
    if (readAttachment(socket).phase !== "handshake" || this.#tunnels.isLost(socket)) return false; // Closed meanwhile.
    if (agent?.revokedAt === null) return true;
    this.#tunnels.close(socket, CLOSE_CODES.revoked, "agent_revoked");
    return false;
  }

  override webSocketClose(socket: WebSocket): void {
    this.#tunnels.lost(socket);
    closeSocket(socket, CLOSE_CODES.normal, ""); // The runtime does not answer a close by itself.
  }

  override webSocketError(socket: WebSocket): void {
    this.#tunnels.lost(socket);
  }

  /** Every agent that ever connected, with what it last said of itself. */
  agents(): AgentStatus[] {
    return this.#machines.list();
  }

  /** Takes a machine out of service, or brings it back; if it is offline, when it comes. */
  drain(agentId: string, draining: boolean): void {
    this.#machines.drain(agentId, draining);
  }

  dispatchSettings(): DispatchSettings {
    return this.#dispatchSettings.get();
  }

  setDispatchSettings(settings: DispatchSettings): void {
    this.#dispatchSettings.set(settings);
  }

  /** Wakes a machine that sleeps, through a sibling. */
  wake(agentId: string): WakeOutcome {
    return this.#machines.wake(agentId);
  }

  /** This edge is about to restart: its machines get nothing new. */
  goAway(): void {
    this.#tunnels.goAway("The edge restarts.");
  }

  /** It restarts now: its machines are told to come back. */
  restart(): void {
    this.#tunnels.restart();
  }

  /** Shuts an agent out: its sockets are closed, what it said of itself is forgotten. */
  revoke(agentId: string): void {
    for (const socket of this.ctx.getWebSockets(agentId)) {
      this.#tunnels.close(socket, CLOSE_CODES.revoked, "agent_revoked");
    }
    this.#machines.forget(agentId);
    this.#runs.forget(agentId);
  }

  /** Stops a generation of this caller. Returns whether there is one. */
  cancelRun(id: string, callerId: string): boolean {
    try {
      this.#runs.cancel(id, callerId);
      return true;
    } catch (error) {
      if (error instanceof PorchlightError && error.code === "not_found") return false;
      throw error;
    }
  }

  /** A key's limits are others now, whatever a Worker has cached. */
  keyChanged(caller: Caller): void {
    this.#quotas.change(caller);
    this.#desks.jobs.callerChanged(caller);
  }

  /** A key is worth nothing any more; what it runs ends. */
  keyRevoked(id: string): void {
    this.#desks.callerGone(id);
    this.#runs.callerGone(id);
    this.#quotas.revoke(id);
  }

  /** Usage by caller, model and UTC day, of the days from `from` to `to`. */
  usage(from: string, to: string): UsageRow[] {
    return this.#quotas.usage(from, to);
  }

  /**
   * Starts a generation or an embedding on an agent that has the model. It ends at once when the request's signal aborts. Limits are
   * looked at before any agent is.
   */
  async #start(request: Request): Promise<Response> {
    try {
      const job = await decodeJob(request);
      if (job.task === "generate") return this.#startRun(job, request.signal);
      return startEmbedding(job, request.signal, {
        quotas: this.#quotas,
        opener: this.#opener,
        worstTokens: (demand) => this.#worstTokens(demand),
      });
    } catch (error) {
      return encodeRefusal(error);
    }
  }

  #startRun(job: GenerateJob, signal: AbortSignal): Response {
    const { requestId: id, caller, model, maxTokens, note, kept } = job;
    const replay = (job.replay ?? this.#dispatchSettings.get().replay) === "on";
    const { prefix, body, offer } = this.#desks.offerTools(job, this.#machines);
    const onStarted = (): void => {
      if (offer !== undefined) this.#desks.toolLoop.begin(id, offer);
    };
    const rounds = offer?.rounds;
    const run = this.#runs.start({ id, caller, model, maxTokens, prefix, body, note, kept, replay, rounds, onStarted });
    return new Response(this.#runs.read(run, 0, signal), { headers: run.ticket.headers });
  }

  #worstTokens(demand: Demand): number {
    return worstCaseTokens(demand, [...this.#agents.all()]);
  }

  /** Goes on with a generation. */
  #resume(request: Request): Response {
    try {
      const { id, callerId, from } = decodeResume(request);
      const run = this.#runs.find(id, callerId, from);
      return new Response(this.#runs.read(run, from, request.signal), { headers: encodeNote(run.record) });
    } catch (error) {
      return encodeRefusal(error);
    }
  }

  #noteSeen(agentId: string, everyMs: number): void {
    const now = Date.now();
    if (!this.#agents.noteSeen(agentId, now, everyMs)) return;
    this.ctx.waitUntil(touchAgent(database(this.env.DB), agentId, now));
  }
}
