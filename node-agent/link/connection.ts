import { type RawData, WebSocket } from "ws";
import { ERRORS, type WireError } from "../../shared/errors.ts";
import { type AgentClaims, type AgentHandshake, agentHandshakeStep } from "../../shared/protocol/agent-handshake.ts";
import { CLOSE_CODES, isRetriedClose } from "../../shared/protocol/close-codes.ts";
import type { Welcome } from "../../shared/protocol/handshake.ts";
import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { ControlMessage } from "../../shared/protocol/messages.ts";
import { ProtocolError } from "../../shared/protocol/protocol-error.ts";
import { createSession } from "../../shared/protocol/session.ts";
import type { ProtocolStream, Session } from "../../shared/protocol/types.ts";
import { Heartbeat, type HeartbeatTiming } from "./heartbeat.ts";
import { SocketTransport } from "./socket-transport.ts";

export interface ConnectionOptions {
  tunnelUrl: string;
  claims: AgentClaims;
  timing: HeartbeatTiming & { handshakeTimeoutMs: number };
  onStream(stream: ProtocolStream, welcome: Welcome): void;
  /** The edge asks something of the machine. Must not throw. */
  onControl(message: ControlMessage): void;
  /** The handshake is done: the session takes control messages from now on. */
  onWelcome(session: Session, welcome: Welcome): void;
}

/** How a connection ended. `code` is a close code, whoever closed; 1006 for a socket that broke or never opened. */
export interface Ending {
  code: number;
  /** A sentence for a person. */
  reason: string;
  /** How long the session had lasted; 0 if there never was one. */
  healthyMs: number;
}

const BROKEN = 1006;

/** HTTP answers to the dial that mean what a close code means. */
const CLOSE_CODE_OF_STATUS: Record<number, number> = { 401: CLOSE_CODES.auth, 403: CLOSE_CODES.revoked };

/** What each close code means to whoever runs the agent; others are told as they are. */
const SENTENCES: Record<number, string> = {
  [CLOSE_CODES.normal]: "The edge closed the connection.",
  [CLOSE_CODES.restart]: "The edge restarts.",
  [CLOSE_CODES.auth]: ERRORS.agent_unknown.message,
  [CLOSE_CODES.revoked]: ERRORS.agent_revoked.message,
  [CLOSE_CODES.timeout]: "The edge did not answer in time.",
  [CLOSE_CODES.replaced]: ERRORS.agent_replaced.message,
  [BROKEN]: "The connection to the edge broke.",
};

/** How a connection ends whose edge had said that it goes away. */
const RESTARTS = { code: CLOSE_CODES.restart, reason: "The edge restarts." };

/** One socket's life: dial, handshake, session, heartbeat, end. */
export class Connection {
  /** Resolves once, when the socket is closed and its session lost; never rejects. */
  readonly ended: Promise<Ending>;
  readonly #options: ConnectionOptions;
  readonly #socket: WebSocket;
  readonly #transport: SocketTransport;
  readonly #heartbeat: Heartbeat;
  readonly #handshakeTimer: NodeJS.Timeout;
  #handshake: AgentHandshake = "expect_challenge";
  #handshakeBytes = 0;
  /** Messages that came while a step of the handshake was being taken. */
  readonly #waiting: Uint8Array[] = [];
  #stepping = false;
  #session: Session | undefined;
  #welcomedAtMs: number | undefined;
  /** The edge has said that it goes away: however the socket ends then, it restarts. */
  #edgeLeaves = false;
  /** Why this side ended it, or what the edge said before it did: the socket's own close event knows less. */
  #cause: { code: number; reason: string } | undefined;

  constructor(options: ConnectionOptions) {
    const { tunnelUrl, claims, timing } = options;
    this.#options = options;
    this.#socket = new WebSocket(tunnelUrl, {
      headers: { "porchlight-agent": claims.agentId },
      maxPayload: PROTOCOL_LIMITS.messageBytes,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#transport = new SocketTransport(this.#socket);
    this.#heartbeat = new Heartbeat(timing, {
      ping: () => this.#ping(),
      dead: () => this.#fail(CLOSE_CODES.timeout, "The edge did not answer a ping."),
    });
    const slow = (): void => this.#fail(CLOSE_CODES.timeout, "The edge took too long to answer the dial.");
    this.#handshakeTimer = setTimeout(slow, timing.handshakeTimeoutMs);
    this.ended = this.#listen();
  }

  /** Closes with 1000; `ended` tells when that is done. */
  close(): void {
    this.#fail(CLOSE_CODES.normal, "The agent stops.");
  }

  #listen(): Promise<Ending> {
    const socket = this.#socket;
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("unexpected-response", (request, response) => {
      const status = response.statusCode ?? 0;
      const code = CLOSE_CODE_OF_STATUS[status];
      const reason = code === undefined ? undefined : SENTENCES[code];
      this.#cause ??= { code: code ?? BROKEN, reason: reason ?? `The edge answered the dial with HTTP ${status}.` };
      response.resume();
      request.destroy();
      socket.terminate();
    });
    socket.on("error", (error: Error & { code?: string }) => {
      this.#cause ??= { code: BROKEN, reason: explain(error) };
    });
    return new Promise((resolve) => {
      socket.once("close", (code) => resolve(this.#onClose(code)));
    });
  }

  #onClose(code: number): Ending {
    clearTimeout(this.#handshakeTimer);
    this.#heartbeat.stop();
    this.#session?.lost();
    const healthyMs = this.#welcomedAtMs === undefined ? 0 : performance.now() - this.#welcomedAtMs;
    const ending = this.#cause ?? { code, reason: SENTENCES[code] ?? `The edge closed the connection (${code}).` };
    if (this.#edgeLeaves && isRetriedClose(ending.code)) return { ...RESTARTS, healthyMs };
    return { ...ending, healthyMs };
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#heartbeat.heard();
    if (!isBinary) {
      return; // "pong", or what a later edge may say: nothing but the sign of life is taken from it.
    }
    // The socket's binaryType is "nodebuffer": one Buffer a message.
    const bytes = data as Buffer;
    if (this.#session !== undefined && !this.#stepping) {
      this.#session.receive(bytes);
      return;
    }
    this.#waiting.push(bytes);
    if (!this.#stepping) {
      void this.#takeSteps();
    }
  }

  async #takeSteps(): Promise<void> {
    this.#stepping = true;
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
      if (this.#session !== undefined) {
        this.#session.receive(bytes);
      } else if (this.#cause === undefined) {
        await this.#takeStep(bytes);
      }
    }
    this.#stepping = false;
  }

  async #takeStep(bytes: Uint8Array): Promise<void> {
    this.#handshakeBytes += bytes.length;
    if (this.#handshakeBytes > PROTOCOL_LIMITS.handshakeBytes) {
      this.#fail(CLOSE_CODES.protocol, "The edge said too much before its welcome.", "frame_too_large");
      return;
    }
    try {
      const step = await agentHandshakeStep(this.#handshake, bytes, this.#options.claims);
      if (step.kind === "proof") {
        this.#handshake = step.state;
        this.#transport.send(step.bytes);
      } else if (step.kind === "welcome") {
        this.#begin(step.welcome);
      } else {
        this.#refused(step.error);
      }
    } catch (error) {
      const reason = error instanceof ProtocolError ? error.reason : "internal";
      this.#fail(CLOSE_CODES.protocol, `The edge does not speak the tunnel's protocol (${reason}).`, reason);
    }
  }

  #begin(welcome: Welcome): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return;
    }
    clearTimeout(this.#handshakeTimer);
    this.#welcomedAtMs = performance.now();
    this.#session = createSession({
      role: "agent",
      transport: {
        send: (bytes) => this.#transport.send(bytes),
        close: (code, reason) => this.#fail(code, `The edge broke the tunnel's protocol (${reason}).`, reason),
      },
      limits: welcome.limits,
      onStream: (stream) => this.#options.onStream(stream, welcome),
      onControl: (message) => this.#options.onControl(message),
      onGoAway: () => {
        this.#edgeLeaves = true;
      },
    });
    this.#options.onWelcome(this.#session, welcome);
  }

  /** The edge will close next; what it said is better than what the code says. */
  #refused({ code, message }: WireError): void {
    const closeCode =
      code === "agent_unknown"
        ? CLOSE_CODES.auth
        : code === "agent_revoked"
          ? CLOSE_CODES.revoked
          : CLOSE_CODES.protocol;
    this.#fail(closeCode, message, code);
  }

  #ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send("ping");
    }
  }

  #fail(code: number, reason: string, wireReason = reason): void {
    this.#cause ??= { code, reason };
    this.#transport.close(code, wireReason);
    this.#session?.lost();
  }
}

function explain(error: Error & { code?: string }): string {
  const code = error.code ?? "";
  if (code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "EHOSTUNREACH" || code === "ETIMEDOUT") {
    return `The edge cannot be reached (${code}).`;
  }
  return `The connection to the edge broke (${code === "" ? error.message : code}).`;
}
