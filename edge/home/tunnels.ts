import type { SessionLimits } from "../../shared/protocol/handshake.ts";
import { CLOSE_CODES } from "../../shared/protocol/close-codes.ts";
import { DEFAULT_SESSION_LIMITS, MCP_FEATURE, PLUGINS_FEATURE, RUNS_FEATURE } from "../../shared/protocol/handshake.ts";
import type { ControlMessage, StreamHeader } from "../../shared/protocol/messages.ts";
import { createSession } from "../../shared/protocol/session.ts";
import type { ProtocolStream, Session } from "../../shared/protocol/types.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { archiveStateOf, type ArchiveTunnel } from "./archive/archive-tunnel.ts";
import { readAttachment, writeAttachment } from "./attachment.ts";
import { Liveness } from "./liveness.ts";
import { closeSocket, FrameSender } from "./sockets.ts";

export const SESSION_LIMITS: SessionLimits = DEFAULT_SESSION_LIMITS;

/** An agent's socket whose handshake is done. */
export interface Tunnel extends ArchiveTunnel {
  readonly agentId: string;
  readonly generation: number;
  /** Whether the agent keeps runs whose stream is lost. */
  readonly keepsRuns: boolean;
  /** Whether the agent runs plugins. */
  readonly plugins: boolean;
  /** Whether it has servers of MCP. */
  readonly mcp: boolean;
  readonly socket: WebSocket;
  readonly session: Session;
  readonly frames: FrameSender;
  /** One of the two sides goes away: what is under way goes on, nothing new comes. */
  leaving: boolean;
}

export interface TunnelEvents {
  onControl(agentId: string, message: ControlMessage): void;
  onClosed(agentId: string): void;
  /** When the runtime last answered a ping of this socket, if it did. */
  pingedAtMs(socket: WebSocket): number | undefined;
}

/** The open tunnels of a household. All there is to know of one is in its socket's attachment: hibernation forgets nothing. */
export class Tunnels {
  readonly #events: TunnelEvents;
  readonly #open = new Map<WebSocket, Tunnel>();
  /** Some are lost while it is looked up who they are. */
  readonly #lost = new WeakSet<WebSocket>();
  readonly #liveness: Liveness;

  /** Takes up again every socket that was open before the object hibernated. */
  constructor(sockets: WebSocket[], events: TunnelEvents) {
    this.#events = events;
    this.#liveness = new Liveness({
      pingedAtMs: (socket) => events.pingedAtMs(socket),
      onDead: ({ socket }) => this.close(socket, CLOSE_CODES.timeout, "agent_silent"),
    });
    for (const socket of sockets) {
      const attachment = readAttachment(socket);
      if (attachment.phase === "open") this.#add(socket, attachment);
    }
  }

  /** The edge goes away for a while: its agents know, and get nothing new. */
  goAway(reason: string): void {
    for (const tunnel of this.#open.values()) {
      tunnel.leaving = true;
      tunnel.session.goAway(reason);
    }
  }

  /** Closes all of them for a restart: the agents dial again at once, and until the edge is back. */
  restart(): void {
    for (const { socket } of this.all) this.close(socket, CLOSE_CODES.restart, "edge_restarting");
  }

  get all(): Tunnel[] {
    return [...this.#open.values()];
  }

  of(socket: WebSocket): Tunnel | undefined {
    return this.#open.get(socket);
  }

  /** Whether a socket is gone: no event will come of it any more. */
  isLost(socket: WebSocket): boolean {
    return this.#lost.has(socket);
  }

  /** Begins the session of a socket that has proved to be the agent, and closes the agent's older ones. */
  open(socket: WebSocket, agentId: string, generation: number, features: readonly string[]): void {
    for (const older of this.all) {
      if (older.agentId === agentId) this.close(older.socket, CLOSE_CODES.replaced, "agent_replaced");
    }
    const keepsRuns = features.includes(RUNS_FEATURE);
    const plugins = features.includes(PLUGINS_FEATURE);
    const mcp = features.includes(MCP_FEATURE);
    const archive = archiveStateOf(features);
    this.#save(this.#add(socket, { agentId, generation, keepsRuns, archive, plugins, mcp, nextStreamId: undefined }));
  }

  /** A binary message came. */
  receive(tunnel: Tunnel, bytes: Uint8Array): void {
    this.#liveness.heard(tunnel);
    tunnel.session.receive(bytes);
  }

  /** Somebody waits for this agent: closes its tunnel where it is dead. Call it every few seconds. */
  look(agentId: string): void {
    const tunnel = this.all.find((one) => one.agentId === agentId);
    if (tunnel !== undefined) this.#liveness.look(tunnel);
  }

  /** Opens a stream and keeps, for after a hibernation, that its id is taken. Throws `overloaded`. */
  openStream(tunnel: Tunnel, header: StreamHeader): ProtocolStream {
    const stream = tunnel.session.open(header);
    this.#save(tunnel);
    return stream;
  }

  /** Closes a socket, open or not yet; its streams end now. */
  close(socket: WebSocket, code: number, reason: string): void {
    writeAttachment(socket, { phase: "closed" });
    this.#open.get(socket)?.frames.flush();
    closeSocket(socket, code, reason);
    this.lost(socket);
  }

  /** The socket is gone. */
  lost(socket: WebSocket): void {
    this.#lost.add(socket);
    const tunnel = this.#open.get(socket);
    if (!tunnel) return;
    this.#open.delete(socket);
    tunnel.session.lost();
    this.#events.onClosed(tunnel.agentId);
  }

  #add(
    socket: WebSocket,
    from: Pick<Tunnel, "agentId" | "generation" | "keepsRuns" | "archive" | "plugins" | "mcp"> & {
      nextStreamId: number | undefined;
    },
  ): Tunnel {
    const { agentId, generation, keepsRuns, archive, plugins, mcp, nextStreamId } = from;
    const frames = new FrameSender(socket);
    const session = createSession({
      role: "edge",
      limits: SESSION_LIMITS,
      ...(nextStreamId === undefined ? {} : { nextStreamId }),
      transport: {
        send: (bytes) => frames.send(bytes),
        // After this turn: the session that asks is still at work on the message that broke the protocol.
        close: (code, reason) => queueMicrotask(() => this.close(socket, code, reason)),
      },
      onStream: (stream) => stream.reset(new PorchlightError("forbidden", "Agents open no streams.").toWire()),
      onControl: (message) => this.#events.onControl(agentId, message),
      onGoAway: () => {
        tunnel.leaving = true;
      },
    });
    const tunnel: Tunnel = {
      agentId,
      generation,
      keepsRuns,
      archive,
      plugins,
      mcp,
      socket,
      session,
      frames,
      leaving: false,
    };
    this.#open.set(socket, tunnel);
    return tunnel;
  }

  #save({ socket, agentId, generation, keepsRuns, archive, plugins, mcp, session }: Tunnel): void {
    const { nextStreamId } = session;
    writeAttachment(socket, { phase: "open", agentId, generation, keepsRuns, archive, plugins, mcp, nextStreamId });
  }
}
