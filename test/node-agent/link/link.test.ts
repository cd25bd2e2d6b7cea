import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { WebSocket } from "ws";
import { type Identity, loadIdentity, type PairedIdentity } from "../../../node-agent/link/identity.ts";
import { createLink, type Link, type LinkState, type LinkTiming } from "../../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import { encodeWelcome, refuse } from "../../../shared/protocol/edge-handshake.ts";
import { encodeFrame, FRAME } from "../../../shared/protocol/frames.ts";
import { DEFAULT_SESSION_LIMITS, encodeHandshake } from "../../../shared/protocol/handshake.ts";
import type { StatusMessage } from "../../../shared/protocol/messages.ts";
import { openGenerate, readEvents, TestEdge } from "../../support/test-edge.ts";
import { noEmbeddings } from "../../support/no-embeddings.ts";

const MODEL = {
  name: "m",
  contextLength: 128,
  task: "generate",
  architecture: "llama",
  quantization: "int8",
  parameters: 1,
  createdAt: 0,
  loaded: true,
} as const;
const STATUS: StatusMessage = {
  type: "status",
  agentVersion: "0.1.0",
  machine: { name: "box", os: "linux", arch: "x64", cpu: "c", cores: 2, memoryBytes: 1 },
  models: [MODEL],
};
const FAST: Partial<LinkTiming> = { reconnectMinMs: 20, reconnectMaxMs: 100 };

let root: string;
let identity: Identity;
let edge: TestEdge;
let link: Link | undefined;
let states: LinkState[];
let status: StatusMessage;

const silent: InferenceBackend = {
  listModels: async () => [],
  embed: noEmbeddings,
  async *generate() {
    yield { type: "finish", reason: "stop" };
  },
};

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "porchlight-link-"));
  identity = await loadIdentity(join(root, "identity.json"));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  edge = await TestEdge.start();
  edge.agents.set("agt_1", identity.publicKey);
  states = [];
  status = STATUS;
});
afterEach(async () => {
  await link?.stop();
  link = undefined;
  await edge.stop();
});

function start(options: { timing?: Partial<LinkTiming>; agentId?: string; backend?: InferenceBackend } = {}): Link {
  const { origin, tunnelUrl } = edge;
  const paired: PairedIdentity = { ...identity, pairing: { agentId: options.agentId ?? "agt_1", origin, tunnelUrl } };
  link = createLink({
    tunnelUrl,
    origin,
    identity: paired,
    backend: options.backend ?? silent,
    status: () => status,
    onState: (state) => states.push(state),
    timing: { ...FAST, ...options.timing },
  });
  link.start();
  return link;
}

const waitForState = (state: LinkState["state"], count = 1): Promise<unknown> =>
  vi.waitFor(() => expect(states.filter((seen) => seen.state === state).length).toBe(count), {
    timeout: 10_000,
    interval: 5,
  });

describe("a link", () => {
  test("proves who it is, announces its status, again when told, and leaves with 1000", async () => {
    const running = start();
    const socket = await edge.welcomed();
    await vi.waitFor(() => expect(socket.control).toEqual([STATUS]));
    expect(states).toEqual([{ state: "online", reason: expect.stringContaining(edge.origin) }]);
    status = { ...STATUS, models: [] };
    running.announce();
    await vi.waitFor(() => expect(socket.control).toEqual([STATUS, status]));
    const closed = new Promise<number>((resolve) => socket.socket.once("close", resolve));
    const began = performance.now();
    await running.stop();
    expect(performance.now() - began).toBeLessThan(1000);
    expect(await closed).toBe(1000);
    expect(socket.goAways.length).toBe(1);
    expect(edge.dials).toBe(1);
    expect(states.at(-1)?.state).toBe("offline");
  });

  test("announces as many models as one message holds", async () => {
    status = {
      ...STATUS,
      models: Array.from({ length: 1000 }, (_, n) => ({ ...MODEL, name: `${n}-${"é".repeat(100)}` })),
    };
    start();
    const socket = await edge.welcomed();
    await vi.waitFor(() => expect(socket.control.length).toBe(1));
    const [message] = socket.control;
    const models = message?.type === "status" ? message.models : [];
    expect(models.length).toBeGreaterThan(100);
    expect(models).toEqual(status.models.slice(0, models.length));
    expect(socket.socket.readyState).toBe(1);
  });

  test("stops while it waits, while it dials, and before it starts", async () => {
    edge.refuseWith = 503;
    const waiting = start({ timing: { reconnectMinMs: 60_000 } });
    await waitForState("offline");
    await waiting.stop();
    edge.refuseWith = undefined;
    edge.onSocket = () => undefined;
    const dialling = start();
    await vi.waitFor(() => expect(edge.dials).toBe(2));
    await dialling.stop();
    await createLink({ ...optionsOf(), status: () => status }).stop();
    expect(edge.dials).toBe(2);
  });
});

function optionsOf() {
  const { origin, tunnelUrl } = edge;
  const paired: PairedIdentity = { ...identity, pairing: { agentId: "agt_1", origin, tunnelUrl } };
  return { tunnelUrl, origin, identity: paired, backend: silent, onState: () => undefined };
}

describe("is refused for good, with what to do,", () => {
  test.each([
    ["when the edge does not know it", () => edge.agents.clear(), "porchlight connect"],
    [
      "when its signature is wrong",
      () =>
        edge.agents.set(
          "agt_1",
          identity.publicKey.replace(/^./, (c) => (c === "A" ? "B" : "A")),
        ),
      "porchlight connect",
    ],
    ["when the dial is answered 401", () => (edge.refuseWith = 401), "porchlight connect"],
    ["when the dial is answered 403", () => (edge.refuseWith = 403), "The owner removed"],
    [
      "when it is refused before the challenge",
      () => {
        edge.onSocket = (socket) => {
          socket.send(refuse(4403, "agent_revoked").bytes ?? "");
          socket.close(4403);
        };
      },
      "The owner removed",
    ],
    [
      "when the edge has another name now",
      () => {
        edge.onSocket = (socket) =>
          socket.send(
            encodeHandshake({ type: "challenge", nonce: "A".repeat(43), time: 0, origin: "https://new.example" }),
          );
      },
      "https://new.example",
    ],
  ])("%s", async (_what, prepare, words) => {
    prepare();
    start();
    await waitForState("refused");
    expect(states.at(-1)?.reason).toContain(words);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(edge.dials).toBe(1);
  });

  test.each([
    [4403, "The owner removed"],
    [4409, "another process"],
  ])("when it is closed with %i while online", async (code, words) => {
    start();
    const { socket } = await edge.welcomed();
    await waitForState("online");
    socket.close(code);
    await waitForState("refused");
    expect(states.at(-1)?.reason).toContain(words);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(edge.dials).toBe(1);
  });
});

describe("comes back", () => {
  test.each([
    ["after a restart", (socket: WebSocket) => socket.close(1012)],
    ["after the connection broke", (socket: WebSocket) => socket.terminate()],
    ["after the edge found fault with it", (socket: WebSocket) => socket.close(4400, "bad_json")],
  ])("%s", async (_what, drop) => {
    start();
    const first = await edge.welcomed();
    await waitForState("online");
    drop(first.socket);
    const second = await edge.welcomed(2);
    await waitForState("online", 2);
    await vi.waitFor(() => expect(second.control).toEqual([STATUS]));
    expect(states.map(({ state }) => state)).toEqual(["online", "offline", "online"]);
  });

  test("once the edge is there at all", async () => {
    edge.refuseWith = 503;
    start();
    await waitForState("offline", 2);
    expect(states[0]?.reason).toContain("503");
    edge.refuseWith = undefined;
    await edge.welcomed();
    await waitForState("online");
  });

  test("from an edge that is away and starts again on the same port", async () => {
    start();
    await edge.welcomed();
    await waitForState("online");
    const port = Number(new URL(edge.origin).port);
    await edge.stop();
    await vi.waitFor(() => expect(states.at(-1)?.reason).toContain("ECONNREFUSED"), { timeout: 5000 });
    edge = await TestEdge.start(port);
    edge.agents.set("agt_1", identity.publicKey);
    await edge.welcomed();
    await waitForState("online", 2);
  });

  test("when the edge no longer answers pings, and stays while it does", async () => {
    start({ timing: { pingIntervalMs: 30, pongTimeoutMs: 1500 } });
    await edge.welcomed();
    await vi.waitFor(() => expect(edge.texts.length).toBeGreaterThan(3));
    expect(edge.dials).toBe(1);
    edge.answersPings = false;
    await edge.welcomed(2);
    expect(states.find(({ state }) => state === "offline")?.reason).toContain("ping");
  });

  test.each([
    ["the handshake", () => (edge.onSocket = () => undefined)],
    ["the dial", () => (edge.refuseWith = "silence")],
  ])("when %s takes too long", async (_what, stall) => {
    stall();
    start({ timing: { handshakeTimeoutMs: 50 } });
    await waitForState("offline");
    expect(states[0]?.reason).toContain("too long");
    edge.onSocket = undefined;
    edge.refuseWith = undefined;
    await edge.welcomed();
  });
});

describe("leaves a hostile edge, and tries again", () => {
  const welcome = encodeWelcome({ protocol: 1, limits: DEFAULT_SESSION_LIMITS, generation: 1, serverVersion: "x" });
  test.each([
    ["garbage", (socket: WebSocket) => socket.send("GET / HTTP/1.1\r\n\r\n", { binary: true }), 4400],
    ["a welcome without a challenge", (socket: WebSocket) => socket.send(welcome), 4400],
    [
      "an OPEN before the handshake",
      (socket: WebSocket) => socket.send(encodeFrame(FRAME.open, 2, Buffer.from("{}"))),
      4400,
    ],
    ["a message over 64 KiB before the handshake", (socket: WebSocket) => socket.send(new Uint8Array(66_000)), 4400],
    ["a message over 1 MiB", (socket: WebSocket) => socket.send(new Uint8Array(1_100_000)), 1009],
  ])("that sends %s", async (_what, attack, code) => {
    const closed = new Promise<number>((resolve) => {
      edge.onSocket = (socket) => {
        socket.on("error", () => undefined);
        socket.once("close", resolve);
        attack(socket);
      };
    });
    start();
    expect(await closed).toBe(code);
    await waitForState("offline");
    edge.onSocket = undefined;
    await edge.welcomed();
    await waitForState("online");
  });

  test("that makes it answer and never reads", async () => {
    start();
    const { socket } = await edge.welcomed();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 50_000 }, () => encodeFrame(FRAME.ping, 0, new Uint8Array(8))));
    const attack = setInterval(() => socket.send(pings), 1);
    await waitForState("offline");
    clearInterval(attack);
    socket.resume();
    await closed;
    await edge.welcomed(2);
  });

  test("that breaks the protocol while a generation runs: it is aborted", async () => {
    const aborted = new Promise<void>((resolve) => {
      const backend: InferenceBackend = {
        ...silent,
        embed: noEmbeddings,
        async *generate(_request, signal) {
          yield { type: "text", text: "x" };
          await new Promise<void>((stop) => signal.addEventListener("abort", () => stop()));
          resolve();
        },
      };
      start({ backend });
    });
    const { socket, session } = await edge.welcomed();
    const stream = openGenerate(session, { model: "m", messages: [{ role: "user", content: "hi" }], sampling: {} });
    for await (const event of readEvents(stream)) {
      expect(event.type).toBe("text");
      break;
    }
    socket.send(new Uint8Array(100));
    await aborted;
    await edge.welcomed(2);
  });
});
