import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadIdentity } from "../../../node-agent/link/identity.ts";
import { createLink, type Link } from "../../../node-agent/link/link.ts";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import type { ProtocolStream } from "../../../shared/protocol/types.ts";
import { type EdgeSocket, openGenerate, readEvents, TestEdge } from "../../support/test-edge.ts";
import { noEmbeddings } from "../../support/no-embeddings.ts";

const REQUEST: GenerateRequest = { model: "m", messages: [{ role: "user", content: "Grüße" }], sampling: { seed: 1 } };
const FINISH: GenerateEvent = { type: "finish", reason: "stop" };

let root: string;
let edge: TestEdge;
let link: Link;
let tunnel: EdgeSocket;
let generate: InferenceBackend["generate"];
let requests: GenerateRequest[];
/** Generations that run now. */
let running: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "porchlight-serve-"));
  edge = await TestEdge.start();
  const identity = await loadIdentity(join(root, "identity.json"));
  edge.agents.set("agt_1", identity.publicKey);
  requests = [];
  running = 0;
  const { origin, tunnelUrl } = edge;
  link = createLink({
    tunnelUrl,
    origin,
    identity: { ...identity, pairing: { agentId: "agt_1", origin, tunnelUrl } },
    backend: {
      listModels: async () => [],
      generate: (request, signal) => counted(request, signal),
      embed: noEmbeddings,
    },
    status: () => ({
      type: "status",
      agentVersion: "1",
      machine: { name: "b", os: "l", arch: "x", cpu: "c", cores: 1, memoryBytes: 1 },
      models: [],
    }),
    onState: () => undefined,
  });
  link.start();
  tunnel = await edge.welcomed();
});

afterEach(async () => {
  await vi.waitFor(() => expect([tunnel.session.streamCount, running]).toEqual([0, 0]));
  await link.stop();
  await edge.stop();
  await rm(root, { recursive: true });
});

async function* counted(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
  requests.push(request);
  running += 1;
  try {
    yield* generate(request, signal);
  } finally {
    running -= 1;
  }
}

async function allEvents(stream: ProtocolStream): Promise<GenerateEvent[]> {
  const events: GenerateEvent[] = [];
  for await (const event of readEvents(stream)) {
    events.push(event);
  }
  return events;
}

/** Says "x" until it is aborted. */
async function* endless(_request: GenerateRequest, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
  while (!signal.aborted) {
    yield { type: "text", text: "x".repeat(100) };
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("carries a request and all its events", async () => {
  const events: GenerateEvent[] = [
    { type: "progress", stage: "loading", fraction: 0.5 },
    ...Array.from({ length: 500 }, (_, n): GenerateEvent => ({ type: "text", text: `é${n}` })),
    { type: "tool_call", index: 0, call: { id: "c", name: "f", arguments: "{}" } },
    { type: "usage", promptTokens: 3, completionTokens: 500 },
    FINISH,
  ];
  generate = async function* generateAll() {
    yield* events;
  };
  expect(await allEvents(openGenerate(tunnel.session, REQUEST))).toEqual(events);
  expect(requests).toEqual([REQUEST]);
});

test("the first text leaves while the second is still being made", async () => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  generate = async function* generateSlowly() {
    yield { type: "text", text: "first" };
    await gate;
    yield FINISH;
  };
  const events = readEvents(openGenerate(tunnel.session, REQUEST));
  expect((await events.next()).value).toEqual({ type: "text", text: "first" });
  release();
  expect((await events.next()).value).toEqual(FINISH);
  expect((await events.next()).done).toBe(true);
});

test.each([
  ["no JSON", "{", "invalid_json"],
  ["no UTF-8", new Uint8Array([0x22, 0xc3, 0x28, 0x22]), "invalid_json"],
  ["a wrong type", JSON.stringify({ ...REQUEST, model: 7 }), "invalid_request"],
  ["no messages", JSON.stringify({ ...REQUEST, messages: [] }), "invalid_request"],
  ["too deep JSON", `${"[".repeat(100)}${"]".repeat(100)}`, "json_too_deep"],
  ["over 8 MiB", "x".repeat(9 * 1024 * 1024), "body_too_large"],
])("answers a request with %s by an error event", async (_what, body, code) => {
  const events = await allEvents(openGenerate(tunnel.session, body));
  expect(events).toMatchObject([{ type: "error", error: { code } }]);
  expect(requests).toEqual([]);
});

test("a backend that throws after all becomes an error event without its secrets", async () => {
  generate = async function* generateBadly() {
    yield { type: "text", text: "x" };
    throw new Error("password=hunter2");
  };
  const events = await allEvents(openGenerate(tunnel.session, REQUEST));
  expect(events).toMatchObject([{ type: "text" }, { type: "error", error: { code: "internal" } }]);
  expect(JSON.stringify(events)).not.toContain("hunter2");
});

test("a reset by the edge aborts the backend at once", async () => {
  generate = endless;
  const stream = openGenerate(tunnel.session, REQUEST);
  const events = readEvents(stream);
  await events.next();
  expect(running).toBe(1);
  stream.reset({ code: "timeout", message: "The client left." });
  await vi.waitFor(() => expect(running).toBe(0), { timeout: 1000, interval: 5 });
  expect(tunnel.socket.readyState).toBe(1);
});

test("a lost tunnel aborts the backend", async () => {
  generate = endless;
  const events = readEvents(openGenerate(tunnel.session, REQUEST));
  await events.next();
  tunnel.socket.terminate();
  await vi.waitFor(() => expect(running).toBe(0), { timeout: 1000, interval: 5 });
  await expect(allRest(events)).rejects.toMatchObject({ code: "agent_disconnected" });
});

async function allRest(events: AsyncGenerator<GenerateEvent>): Promise<number> {
  let count = 0;
  for await (const event of events) {
    count += event.type === "text" ? 1 : 0;
  }
  return count;
}

test("a stopped link lets an answer finish that is nearly done", async () => {
  generate = async function* generateSoon() {
    yield { type: "text", text: "x" };
    await new Promise((resolve) => setTimeout(resolve, 60));
    yield FINISH;
  };
  const events = readEvents(openGenerate(tunnel.session, REQUEST));
  await events.next();
  const stopped = link.stop();
  expect((await events.next()).value).toEqual(FINISH);
  expect((await events.next()).done).toBe(true);
  await stopped;
});

test("a stopped link aborts the backend and is gone soon", async () => {
  generate = endless;
  const events = readEvents(openGenerate(tunnel.session, REQUEST));
  await events.next();
  const began = performance.now();
  await link.stop();
  expect(performance.now() - began).toBeLessThan(1500);
  expect(running).toBe(0);
  await expect(allRest(events)).rejects.toMatchObject({ code: "agent_disconnected" });
});

test("a reader that stalls stalls the backend within the credit, and no other stream", async () => {
  let made = 0;
  generate = async function* generateMuch(request) {
    if (request.model === "m") {
      for (; made < 2_000_000; made += 1000) {
        yield { type: "text", text: "x".repeat(1000) };
      }
    }
    yield FINISH;
  };
  const stalled = openGenerate(tunnel.session, REQUEST);
  await vi.waitFor(() => expect(made).toBeGreaterThan(200_000));
  const other = await allEvents(openGenerate(tunnel.session, { ...REQUEST, model: "other" }));
  expect(other).toEqual([FINISH]);
  const madeStalled = made;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(made).toBe(madeStalled);
  // Credit of 256 KiB, and the batch that waits for more.
  expect(made).toBeLessThan(300_000);
  const events = await allEvents(stalled);
  expect(events.length).toBe(2001);
  expect(events.at(-1)).toEqual(FINISH);
});

test("64 generations at once keep apart", async () => {
  generate = async function* generateName(request) {
    for (let n = 0; n < 50; n += 1) {
      yield { type: "text", text: request.model };
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield FINISH;
  };
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, n) => allEvents(openGenerate(tunnel.session, { ...REQUEST, model: `m${n}` }))),
  );
  for (const [n, events] of answers.entries()) {
    const text = events.map((event) => (event.type === "text" ? event.text : "")).join("");
    expect(text).toBe(`m${n}`.repeat(50));
  }
  expect(() => Array.from({ length: 65 }, () => tunnel.session.open({ kind: "generate", requestId: "r" }))).toThrow(
    expect.objectContaining({ code: "overloaded" }),
  );
  tunnel.socket.terminate();
});
