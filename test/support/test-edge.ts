import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { tunnelUrlOf } from "../../node-agent/link/addresses.ts";
import { type GenerateEvent, generateEventSchema } from "../../shared/inference/event.ts";
import type { GenerateRequest } from "../../shared/inference/request.ts";
import { beginEdgeHandshake, encodeWelcome, judgeProof } from "../../shared/protocol/edge-handshake.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits } from "../../shared/protocol/handshake.ts";
import type { ControlMessage } from "../../shared/protocol/messages.ts";
import { createSession } from "../../shared/protocol/session.ts";
import type { ProtocolStream, Session } from "../../shared/protocol/types.ts";

/** One agent's socket, as the edge side sees it. */
export interface EdgeSocket {
  socket: WebSocket;
  session: Session;
  control: ControlMessage[];
  goAways: string[];
}

/** The edge's side of the tunnel on loopback, over the shared protocol code and real sockets. */
export class TestEdge {
  readonly origin: string;
  readonly tunnelUrl: string;
  /** Public keys by agent id: who is paired. */
  readonly agents = new Map<string, string>();
  /** Takes a fresh socket in place of the handshake. */
  onSocket: ((socket: WebSocket) => void) | undefined;
  /** Answers the dial with this HTTP status in place of an upgrade, or not at all. */
  refuseWith: number | "silence" | undefined;
  limits: SessionLimits = DEFAULT_SESSION_LIMITS;
  /** Whether "ping" is answered. */
  answersPings = true;
  dials = 0;
  texts: string[] = [];
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #welcomed: EdgeSocket[] = [];
  #waiters: (() => void)[] = [];

  private constructor(server: ReturnType<typeof createServer>) {
    const { port } = server.address() as AddressInfo; // a TCP server's address
    this.#server = server;
    this.origin = `http://127.0.0.1:${port}`;
    this.tunnelUrl = tunnelUrlOf(this.origin);
    server.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  static async start(port = 0): Promise<TestEdge> {
    const server = createServer((_request, response) => response.writeHead(404).end());
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return new TestEdge(server);
  }

  /** The nth socket that got its welcome, counted from 1; waits for it. */
  async welcomed(count = 1): Promise<EdgeSocket> {
    while (this.#welcomed.length < count) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return this.#welcomed[count - 1] as EdgeSocket; // the loop just saw it
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) {
      socket.terminate();
    }
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.dials += 1;
    if (this.refuseWith === "silence") {
      socket.once("error", () => socket.destroy());
      socket.resume().once("end", () => socket.destroy());
      return;
    }
    if (this.refuseWith !== undefined) {
      socket.end(`HTTP/1.1 ${this.refuseWith} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const agentId = String(request.headers["porchlight-agent"]);
    this.#sockets.handleUpgrade(request, socket, head, (accepted) => {
      accepted.on("error", () => accepted.terminate());
      (this.onSocket ?? ((fresh: WebSocket) => this.#greet(fresh, agentId)))(accepted);
    });
  }

  #greet(socket: WebSocket, agentId: string): void {
    const { state, bytes } = beginEdgeHandshake({ agentId, origin: this.origin, nowMs: Date.now() });
    socket.send(bytes);
    socket.once("message", (data: RawData) => void this.#judge(socket, state, data as Buffer));
  }

  async #judge(socket: WebSocket, state: Parameters<typeof judgeProof>[0], bytes: Buffer): Promise<void> {
    const publicKey = this.agents.get(state.agentId);
    const verdict = await judgeProof(state, bytes, { publicKey, nowMs: Date.now() });
    if (!verdict.ok) {
      if (verdict.bytes !== undefined) {
        socket.send(verdict.bytes);
      }
      socket.close(verdict.closeCode, verdict.reason);
      return;
    }
    const { protocol } = verdict;
    socket.send(encodeWelcome({ protocol, limits: this.limits, generation: this.dials, serverVersion: "test" }));
    this.#begin(socket);
  }

  #begin(socket: WebSocket): void {
    const control: ControlMessage[] = [];
    const goAways: string[] = [];
    const session = createSession({
      role: "edge",
      limits: this.limits,
      transport: { send: (bytes) => socket.send(bytes), close: (code, reason) => socket.close(code, reason) },
      onStream: () => undefined,
      onControl: (message) => control.push(message),
      onGoAway: (reason) => goAways.push(reason),
    });
    socket.on("message", (data: RawData, isBinary) => {
      if (isBinary) {
        session.receive(data as Buffer); // binaryType is nodebuffer
        return;
      }
      this.texts.push((data as Buffer).toString());
      if (this.answersPings) {
        socket.send("pong");
      }
    });
    socket.once("close", () => session.lost());
    this.#welcomed.push({ socket, session, control, goAways });
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) {
      wake();
    }
  }
}

/** Opens a generation over the tunnel, as the edge does. */
export function openGenerate(session: Session, request: GenerateRequest | string | Uint8Array): ProtocolStream {
  return openStream(session, "generate", request);
}

/** Opens a stream of any kind, with its request. */
export function openStream(
  session: Session,
  kind: "generate" | "embed",
  request: object | string | Uint8Array,
): ProtocolStream {
  const stream = session.open({ kind, requestId: "req_1" });
  const body = typeof request === "string" || request instanceof Uint8Array ? request : JSON.stringify(request);
  // A lost stream fails its reader too, which is where the test looks.
  stream
    .write(Buffer.from(body))
    .then(() => stream.end())
    .catch(() => undefined);
  return stream;
}

/** The events of a stream's answer, as they come. */
export async function* readEvents(stream: ProtocolStream): AsyncGenerator<GenerateEvent> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const piece of stream.incoming) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      yield generateEventSchema.parse(JSON.parse(line));
    }
  }
}
