import { DurableObject } from "cloudflare:workers";
import { PorchlightError } from "../../shared/errors.ts";
import { CLOSE_CODES } from "../../shared/protocol/close-codes.ts";
import { encodeWelcome } from "../../shared/protocol/edge-handshake.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import type { Caller } from "../credentials/key-grant.ts";
import type { EdgeBindings } from "../env.ts";
import { findAgent, touchAgent } from "../store/agents.ts";
import { database } from "../store/database.ts";
import { VERSION } from "../version.ts";
import { AgentTable } from "./agent-table.ts";
import { readAttachment } from "./attachment.ts";
import { decodeDial } from "./dial.ts";
import { worstCaseTokens } from "./dispatch/candidates.ts";
import { type Demand, Dispatcher, type Placement } from "./dispatch/dispatcher.ts";
import { type AgentStatus, Machines } from "./dispatch/machines.ts";
import { OutcomeReader } from "./dispatch/outcome-reader.ts";
import type { WakeOutcome } from "./dispatch/waker.ts";
import { decodeJob, encodeRefusal, isJob } from "./generate-job.ts";
import { challenge, closeOverdue, handshakeDeadlineMs, takeProof } from "./handshakes.ts";
import type { UsageRow } from "./quota/ledger.ts";
import { Quotas, type Ticket } from "./quota/quotas.ts";
import { type RelayObserver, relayEvents } from "./relay.ts";
import { closeSocket, sendBytes } from "./sockets.ts";
import { SESSION_LIMITS, Tunnels } from "./tunnels.ts";

/** `last_seen` in D1 is for people: finer than this only costs writes. */
const LAST_SEEN_EVERY_MS = 60_000;
/** When machines that are full may be asked again. */
const OVERLOADED_RETRY_MS = 1_000;

/** A request on its way: its stream, and its place on the machine. */
interface Opened {
  stream: ProtocolStream;
  placement: Placement;
}

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

  constructor(ctx: DurableObjectState, env: EdgeBindings) {
    super(ctx, env);
    // Answered without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#agents = new AgentTable(ctx.storage.sql);
    this.#quotas = new Quotas(ctx.storage.sql);
    this.#dispatcher = new Dispatcher(ctx.storage.sql);
    this.#machines = new Machines(this.#agents, () => this.#tunnels.all, this.#dispatcher);
    this.#tunnels = new Tunnels(ctx.getWebSockets(), {
      onControl: (agentId, message) => {
        if (message.type !== "status") return; // The others are the edge's own to say.
        this.#machines.took(agentId, message);
        this.#noteSeen(agentId, LAST_SEEN_EVERY_MS);
      },
      onClosed: (agentId) => this.#noteSeen(agentId, 0),
    });
  }

  /** A machine that dials (`encodeDial`), or a generation or embedding to start (`encodeJob`). Only the Worker can call it. */
  override async fetch(request: Request): Promise<Response> {
    return isJob(request) ? await this.#start(request) : await this.#accept(request);
  }

  async #accept(request: Request): Promise<Response> {
    const dial = decodeDial(request);
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [dial.agentId]);
    challenge(server, dial);
    if ((await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(handshakeDeadlineMs(Date.now()));
    }
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Closes sockets that have not proved who they are in time. */
  override async alarm(): Promise<void> {
    const nextMs = closeOverdue(this.ctx.getWebSockets(), Date.now());
    if (nextMs !== undefined) await this.ctx.storage.setAlarm(nextMs);
  }

  override async webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): Promise<void> {
    const tunnel = this.#tunnels.of(socket);
    if (tunnel) {
      if (typeof message === "string") this.#tunnels.close(socket, CLOSE_CODES.protocol, "bad_message");
      else tunnel.session.receive(new Uint8Array(message));
      return;
    }
    const attachment = readAttachment(socket);
    if (attachment.phase !== "handshake") return;
    const protocol = await takeProof(socket, attachment, message);
    const { agentId } = attachment.handshake;
    if (protocol === undefined || !(await this.#mayCome(socket, agentId))) return;
    const generation = this.#agents.nextGeneration(agentId);
    this.#tunnels.open(socket, agentId, generation);
    sendBytes(socket, encodeWelcome({ protocol, limits: SESSION_LIMITS, generation, serverVersion: VERSION }));
    this.#noteSeen(agentId, LAST_SEEN_EVERY_MS);
  }

  /**
   * The table of machines is read once more: between the Worker's look at it and this dial the machine may have been revoked, when it had
   * no socket to close yet.
   */
  async #mayCome(socket: WebSocket, agentId: string): Promise<boolean> {
    const agent = await findAgent(database(this.env.DB), agentId);
    if (readAttachment(socket).phase !== "handshake") return false; // Closed meanwhile.
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

  /** Wakes a machine that sleeps, through a sibling. */
  wake(agentId: string): WakeOutcome {
    return this.#machines.wake(agentId);
  }

  /** Shuts an agent out: its sockets are closed, what it said of itself is forgotten. */
  revoke(agentId: string): void {
    for (const socket of this.ctx.getWebSockets(agentId)) {
      this.#tunnels.close(socket, CLOSE_CODES.revoked, "agent_revoked");
    }
    this.#machines.forget(agentId);
  }

  /** A key's limits are others now, whatever a Worker has cached. */
  keyChanged(caller: Caller): void {
    this.#quotas.change(caller);
  }

  /** A key is worth nothing any more; what it runs ends. */
  keyRevoked(id: string): void {
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
      const { requestId, model, body, caller } = job;
      const demand: Demand = { ...job, bodyBytes: body.length };
      const worstTokens = worstCaseTokens(demand, [...this.#agents.all()]);
      const ticket = this.#quotas.start({ caller, model, bodyBytes: body.length, worstTokens });
      const { stream, placement } = this.#openFor(ticket, demand, requestId);
      ticket.onRevoked(() => stream.reset(new PorchlightError("invalid_api_key").toWire()));
      stream.write(body).catch(() => undefined); // It fails when the stream is lost: then its reader has the error.
      stream.end();
      return new Response(relayEvents(stream, request.signal, this.#observe(ticket, placement)), {
        headers: ticket.headers,
      });
    } catch (error) {
      return encodeRefusal(error);
    }
  }

  /** Both read along: who counts what was used, and who learns how fast the machine is. */
  #observe(ticket: Ticket, placement: Placement): RelayObserver {
    const outcome = new OutcomeReader();
    return {
      read: (bytes) => {
        ticket.read(bytes);
        outcome.read(bytes);
      },
      settle: (lost) => {
        ticket.settle(lost);
        if (placement.end(outcome.outcome(lost))) this.#machines.check(placement.agentId);
      },
    };
  }

  #openFor(ticket: Ticket, demand: Demand, requestId: string): Opened {
    try {
      return this.#openStream(demand, requestId);
    } catch (error) {
      ticket.cancel();
      throw error;
    }
  }

  /** On the machine that would be done first, of those that take it. Throws PorchlightError. */
  #openStream(demand: Demand, requestId: string): Opened {
    for (const { ranked, tunnel } of this.#machines.choose(demand)) {
      try {
        const stream = this.#tunnels.openStream(tunnel, { kind: demand.task, requestId });
        this.#noteSeen(tunnel.agentId, LAST_SEEN_EVERY_MS);
        return { stream, placement: this.#dispatcher.place(ranked, demand) };
      } catch (error) {
        if (!(error instanceof PorchlightError)) throw error; // Else it is full, or going away: the next one may take it.
      }
    }
    throw new PorchlightError("overloaded", undefined, { retryAfterMs: OVERLOADED_RETRY_MS });
  }

  #noteSeen(agentId: string, everyMs: number): void {
    const now = Date.now();
    if (!this.#agents.noteSeen(agentId, now, everyMs)) return;
    this.ctx.waitUntil(touchAgent(database(this.env.DB), agentId, now));
  }
}
