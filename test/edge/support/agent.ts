import { type EmbedRequest, embedRequestSchema } from "../../../shared/inference/embed.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { ModelInfo } from "../../../shared/inference/model.ts";
import { type GenerateRequest, generateRequestSchema } from "../../../shared/inference/request.ts";
import { type AgentHandshake, agentHandshakeStep } from "../../../shared/protocol/agent-handshake.ts";
import { toBase64Url } from "../../../shared/protocol/base64url.ts";
import type { Welcome } from "../../../shared/protocol/handshake.ts";
import type { ControlMessage, StatusMessage } from "../../../shared/protocol/messages.ts";
import { createSession } from "../../../shared/protocol/session.ts";
import { signEnrolment, type SigningKey } from "../../../shared/protocol/signatures.ts";
import type { ProtocolStream, Session } from "../../../shared/protocol/types.ts";
import { bearer, ORIGIN, postJson, request } from "./edge.ts";

export interface Identity {
  agentId: string;
  origin: string;
  privateKey: SigningKey;
}

export const STARTER: ModelInfo = {
  name: "starter",
  task: "generate",
  contextLength: 512,
  architecture: "llama",
  quantization: "int4",
  parameters: 1_000_000,
  createdAt: 1_790_000_000,
  loaded: true,
};

export async function newKeyPair(): Promise<{ publicKey: string; privateKey: SigningKey }> {
  const keys = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("not a key pair");
  const raw = await crypto.subtle.exportKey("raw", keys.publicKey);
  if (!(raw instanceof ArrayBuffer)) throw new Error("not raw");
  return { publicKey: toBase64Url(new Uint8Array(raw)), privateKey: keys.privateKey };
}

/** Pairs a machine through the API, the way `porchlight connect` does. */
export async function pair(apiKey: string, name = "test machine"): Promise<Identity> {
  const made = await postJson("/api/pairing-codes", {}, bearer(apiKey));
  const { code } = await made.json<{ code: string }>();
  const { publicKey, privateKey } = await newKeyPair();
  const signature = await signEnrolment(privateKey, { origin: ORIGIN, code });
  const joined = await postJson(`/j/${code}`, { publicKey, name, signature });
  const { agentId, origin } = await joined.json<{ agentId: string; origin: string }>();
  return { agentId, origin, privateKey };
}

export async function dial(agentId: string, headers: Record<string, string> = {}): Promise<Response> {
  return await request("/tunnel", { headers: { upgrade: "websocket", "porchlight-agent": agentId, ...headers } });
}

/** A socket of which nothing has been read yet, and what it received, as promises. */
export class RawSocket {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #messages: (Uint8Array | string)[] = [];
  readonly #waiting: ((message: Uint8Array | string) => void)[] = [];

  constructor(response: Response) {
    if (!response.webSocket) throw new Error(`no socket: ${response.status}`);
    this.socket = response.webSocket;
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", ({ data }) => {
      const message = typeof data === "string" ? data : new Uint8Array(data);
      const waiter = this.#waiting.shift();
      if (waiter) waiter(message);
      else this.#messages.push(message);
    });
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    this.socket.accept();
  }

  async next(): Promise<Uint8Array> {
    const message = this.#messages.shift() ?? (await new Promise<Uint8Array | string>((r) => this.#waiting.push(r)));
    if (typeof message === "string") throw new Error(`text: ${message}`);
    return message;
  }
}

/** Answers one generation. `signal` aborts when the edge resets the stream. */
export type Answer = (request: GenerateRequest, stream: ProtocolStream, signal: AbortSignal) => Promise<void>;
/** Answers one request for embeddings. */
export type EmbedAnswer = (request: EmbedRequest, stream: ProtocolStream, signal: AbortSignal) => Promise<void>;

/** An agent over the real tunnel, its engine replaced by `answer`. */
export class TestAgent {
  readonly socket: WebSocket;
  readonly welcome: Welcome;
  readonly session: Session;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly streams: ProtocolStream[] = [];
  /** What the edge asked of the machine. */
  readonly control: ControlMessage[] = [];
  onGoAway: (reason: string) => void = () => undefined;

  private constructor(raw: RawSocket, welcome: Welcome, answer: Answer, embed: EmbedAnswer | undefined) {
    this.socket = raw.socket;
    this.closed = raw.closed;
    this.welcome = welcome;
    this.session = createSession({
      role: "agent",
      limits: welcome.limits,
      transport: { send: (bytes) => this.socket.send(bytes), close: (code, reason) => this.socket.close(code, reason) },
      onStream: (stream) => {
        this.streams.push(stream);
        // A stream that was reset fails what the answer still writes: the tests look at its signal.
        serve(stream, answer, embed).catch(() => undefined);
      },
      onControl: (message) => this.control.push(message),
      onGoAway: (reason) => this.onGoAway(reason),
    });
  }

  /** Dials, proves, and announces `models`. */
  static async connect(
    identity: Identity,
    answer: Answer,
    models: ModelInfo[] = [STARTER],
    embed?: EmbedAnswer,
    features: string[] = [],
  ): Promise<TestAgent> {
    const raw = new RawSocket(await dial(identity.agentId));
    const claims = { ...identity, features, agentVersion: "0.0.0" };
    let state: AgentHandshake = "expect_challenge";
    for (;;) {
      const step = await agentHandshakeStep(state, await raw.next(), claims);
      if (step.kind === "refused") throw new Error(step.error.code);
      if (step.kind === "proof") {
        state = step.state;
        raw.socket.send(step.bytes);
      } else {
        const agent = new TestAgent(raw, step.welcome, answer, embed);
        raw.socket.addEventListener("message", ({ data }) => {
          if (typeof data !== "string") agent.session.receive(new Uint8Array(data));
        });
        raw.socket.addEventListener("close", () => agent.session.lost());
        agent.session.control(statusOf(models));
        return agent;
      }
    }
  }

  close(code = 1000): void {
    this.socket.close(code, "");
  }
}

export function statusOf(models: ModelInfo[]): StatusMessage {
  const machine = { name: "test machine", os: "linux", arch: "x64", cpu: "test", cores: 2, memoryBytes: 2 ** 33 };
  return { type: "status", agentVersion: "0.0.0", machine, models };
}

const encoder = new TextEncoder();

/** Writes events the way an agent does. */
export async function writeEvents(stream: ProtocolStream, ...events: GenerateEvent[]): Promise<void> {
  await stream.write(encoder.encode(events.map((event) => `${JSON.stringify(event)}\n`).join("")));
}

/** Says the pieces, then finishes. */
export function saying(...pieces: string[]): Answer {
  return async (_request, stream) => {
    for (const text of pieces) await writeEvents(stream, { type: "text", text });
    await writeEvents(
      stream,
      { type: "usage", promptTokens: 3, completionTokens: pieces.length },
      { type: "finish", reason: "stop" },
    );
    stream.end();
  };
}

const EMPTY: GenerateRequest = { model: "", messages: [], sampling: {} };

async function serve(stream: ProtocolStream, answer: Answer, embed: EmbedAnswer | undefined): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream.incoming) text += decoder.decode(bytes, { stream: true });
  // It has no body: the answer knows which lines are missing.
  if (stream.header.kind === "resume") return await answer(EMPTY, stream, stream.signal);
  if (stream.header.kind === "embed") await embed?.(embedRequestSchema.parse(JSON.parse(text)), stream, stream.signal);
  else await answer(generateRequestSchema.parse(JSON.parse(text)), stream, stream.signal);
}
