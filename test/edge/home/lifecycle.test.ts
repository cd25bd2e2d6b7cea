import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, expect, it, vi } from "vitest";
import { readAttachment, writeAttachment } from "../../../edge/home/attachment.ts";
import { agentHandshakeStep } from "../../../shared/protocol/agent-handshake.ts";
import { encodeFrame, FRAME } from "../../../shared/protocol/frames.ts";
import { PROTOCOL_LIMITS } from "../../../shared/protocol/limits.ts";
import { dial, type Identity, pair, RawSocket, saying, STARTER, statusOf, TestAgent } from "../support/agent.ts";
import { chat, modelOnline } from "../support/chat.ts";
import { bearer, errorOf, type Owner, request, setUp } from "../support/edge.ts";

let owner: Owner | undefined;
let identity: Identity;
beforeEach(async () => {
  owner ??= await setUp();
  identity = await pair(owner.apiKey);
});

const apiKey = () => owner?.apiKey ?? "";
const home = () => env.HOME.getByName(owner?.accountId ?? "");

async function status(agentId: string) {
  const response = await request("/api/agents", { headers: bearer(apiKey()) });
  const { agents } = await response.json<{
    agents: { id: string; online: boolean; machine: unknown; models: { name: string }[]; lastSeenAt: string | null }[];
  }>();
  return agents.find(({ id }) => id === agentId);
}

async function lastSeen(agentId: string): Promise<number | null | undefined> {
  const row = env.DB.prepare("SELECT last_seen_at AS at FROM agents WHERE id = ?").bind(agentId);
  return (await row.first<{ at: number | null }>())?.at;
}

/** A model of its own, so that what other tests announced does not answer for it. */
function modelOf({ agentId }: Identity) {
  return { ...STARTER, name: `model-${agentId}` };
}

it("answers after an eviction over the socket that hibernated", async () => {
  const model = modelOf(identity);
  const agent = await TestAgent.connect(identity, saying("still here"), [model]);
  await modelOnline(apiKey(), model.name);
  for (let round = 0; round < 3; round++) {
    const before = await runInDurableObject(home(), (instance) => Object.assign(instance, { marked: true }));
    expect(before).toBeDefined();
    await evictDurableObject(home());
    expect(await runInDurableObject(home(), (instance) => "marked" in instance)).toBe(false);
    const response = await chat(apiKey(), { model: model.name });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: "still here" } }] });
  }
  // Ids go on where they were: a stream of before can never be mistaken for one of after.
  expect(agent.streams.map(({ id }) => id)).toEqual([2, 4, 6]);
  agent.close();
});

it("takes nobody in who left while it was looked up", async () => {
  // Whatever the moment: some of these leave while the table of machines is read.
  for (let waitMs = 0; waitMs < 8; waitMs++) {
    const raw = new RawSocket(await dial(identity.agentId));
    const claims = { ...identity, features: [], agentVersion: "0.0.0" };
    const step = await agentHandshakeStep("expect_challenge", await raw.next(), claims);
    if (step.kind !== "proof") throw new Error(step.kind);
    raw.socket.send(step.bytes);
    if (waitMs > 0) await scheduler.wait(waitMs);
    raw.socket.close(1000, "");
    await raw.closed;
    await scheduler.wait(30);
    expect(await status(identity.agentId), `after ${waitMs} ms`).toMatchObject({ online: false });
  }
});

it("gives a machine that goes away nothing new, and lets its answer end", async () => {
  const model = modelOf(identity);
  const go = Promise.withResolvers<void>();
  const agent = await TestAgent.connect(
    identity,
    async (body, stream, signal) => {
      await go.promise;
      await saying("to the end")(body, stream, signal);
    },
    [model],
  );
  await modelOnline(apiKey(), model.name);
  const answer = chat(apiKey(), { model: model.name });
  await expect.poll(() => agent.streams.length).toBe(1);
  agent.session.goAway("The agent stops.");
  await modelOnline(apiKey(), model.name, false);
  const late = await chat(apiKey(), { model: model.name });
  expect(late.status).toBe(503);
  expect(late.headers.get("retry-after")).toBe("5");
  expect(await errorOf(late)).toMatchObject({ code: "agent_offline" });
  go.resolve();
  expect(await (await answer).json()).toMatchObject({ choices: [{ message: { content: "to the end" } }] });
  expect(agent.streams).toHaveLength(1);
  agent.close();
});

it("tells machines that it restarts: at first nothing new comes, then they are to dial again", async () => {
  const model = modelOf(identity);
  const agent = await TestAgent.connect(identity, saying("x"), [model]);
  await modelOnline(apiKey(), model.name);
  const goesAway = new Promise<string>((resolve) => (agent.onGoAway = resolve));
  await home().goAway();
  expect(await goesAway).toBe("The edge restarts.");
  expect((await chat(apiKey(), { model: model.name })).status).toBe(503);
  await home().restart();
  expect(await agent.closed).toMatchObject({ code: 1012 });
});

it("knows machines and models after an eviction that took the sockets", async () => {
  const model = modelOf(identity);
  const agent = await TestAgent.connect(identity, saying("x"), [model]);
  await modelOnline(apiKey(), model.name);
  await evictDurableObject(home(), { webSockets: "close" });
  await agent.closed;
  expect(await status(identity.agentId)).toMatchObject({
    online: false,
    machine: statusOf([]).machine,
    models: [{ name: model.name }],
  });
  const response = await request(`/v1/models/${model.name}`, { headers: bearer(apiKey()) });
  expect(await response.json()).toMatchObject({ id: model.name, online: false, loaded: false });
  expect((await chat(apiKey(), { model: model.name })).status).toBe(503);
});

it("finishes a handshake that an eviction came into", async () => {
  const raw = new RawSocket(await dial(identity.agentId));
  const challenge = await raw.next();
  await evictDurableObject(home());
  const claims = { ...identity, features: [], agentVersion: "0" };
  const proof = await agentHandshakeStep("expect_challenge", challenge, claims);
  if (proof.kind !== "proof") throw new Error(proof.kind);
  raw.socket.send(proof.bytes);
  const welcome = await agentHandshakeStep("expect_welcome", await raw.next(), claims);
  expect(welcome).toMatchObject({ kind: "welcome", welcome: { generation: 1, protocol: 1 } });
  raw.socket.close(1000, "");
});

it("lets the newer of two connections of one machine win", async () => {
  const older = await TestAgent.connect(identity, saying("older"), [modelOf(identity)]);
  const newer = await TestAgent.connect(identity, saying("newer"), [modelOf(identity)]);
  expect(await older.closed).toEqual({ code: 4409, reason: "agent_replaced" });
  expect(newer.welcome.generation).toBe(older.welcome.generation + 1);
  await modelOnline(apiKey(), modelOf(identity).name);
  const response = await chat(apiKey(), { model: modelOf(identity).name });
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: "newer" } }] });
  expect(await status(identity.agentId)).toMatchObject({ online: true });
  newer.close();
});

it("fences across an eviction too", async () => {
  const older = await TestAgent.connect(identity, saying("older"));
  await evictDurableObject(home());
  const newer = await TestAgent.connect(identity, saying("newer"));
  expect(await older.closed).toMatchObject({ code: 4409 });
  newer.close();
});

it("closes whoever takes more than ten seconds for the handshake, and nobody else", async () => {
  const slow = new RawSocket(await dial(identity.agentId));
  await slow.next();
  const other = await pair(apiKey());
  const quick = await TestAgent.connect(other, saying("x"));
  const fresh = new RawSocket(await dial((await pair(apiKey())).agentId));
  await fresh.next();
  await runInDurableObject(home(), (_instance, state) => {
    for (const socket of state.getWebSockets(identity.agentId)) {
      const attachment = readAttachment(socket);
      if (attachment.phase !== "handshake") continue;
      const startedAtMs = Date.now() - PROTOCOL_LIMITS.handshakeTimeoutMs - 1;
      writeAttachment(socket, { ...attachment, handshake: { ...attachment.handshake, startedAtMs } });
    }
  });
  expect(await runDurableObjectAlarm(home())).toBe(true);
  expect(await slow.closed).toEqual({ code: 4408, reason: "timeout" });
  // The one that is still within its time keeps the alarm going.
  expect(await runInDurableObject(home(), (_instance, state) => state.storage.getAlarm())).toBeGreaterThan(Date.now());
  expect(await status(other.agentId)).toMatchObject({ online: true });
  quick.close();
  fresh.socket.close(1000, "");
});

it("closes a tunnel that breaks the protocol with 4400, and its streams end", async () => {
  const model = modelOf(identity);
  const agent = await TestAgent.connect(identity, async () => agent.socket.send(new Uint8Array(16).fill(255)), [model]);
  await modelOnline(apiKey(), model.name);
  const response = await chat(apiKey(), { model: model.name });
  expect(response.status).toBe(503);
  expect(await agent.closed).toMatchObject({ code: 4400 });
  const again = await TestAgent.connect(identity, saying("x"), [model]);
  again.socket.send("text");
  expect(await again.closed).toMatchObject({ code: 4400 });
});

it("opens no streams for machines", async () => {
  const agent = await TestAgent.connect(identity, saying("x"));
  const stream = agent.session.open({ kind: "generate", requestId: "mine" });
  await expect(stream.incoming[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "forbidden" });
  agent.close();
});

it("takes a status with the next one, and refuses one that is not a status", async () => {
  const agent = await TestAgent.connect(identity, saying("x"), [modelOf(identity)]);
  await modelOnline(apiKey(), modelOf(identity).name);
  agent.session.control(statusOf([]));
  await expect.poll(async () => (await status(identity.agentId))?.models).toEqual([]);
  agent.socket.send(encodeFrame(FRAME.data, 0, new TextEncoder().encode('{"type":"status","role":"owner"}')));
  expect(await agent.closed).toMatchObject({ code: 4400 });
});

it("tells the database when a machine was seen: on coming, on going, once a minute between", async () => {
  expect(await lastSeen(identity.agentId)).toBeNull();
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const start = Date.now();
    const agent = await TestAgent.connect(identity, saying("x"));
    await expect.poll(() => lastSeen(identity.agentId)).toBe(start);
    const announce = async (atMs: number) => {
      vi.setSystemTime(start + atMs);
      agent.session.control(statusOf([{ ...STARTER, name: `at-${atMs}` }]));
      await modelOnline(apiKey(), `at-${atMs}`);
    };
    await announce(59_999);
    expect(await lastSeen(identity.agentId)).toBe(start);
    await announce(60_000);
    await expect.poll(() => lastSeen(identity.agentId)).toBe(start + 60_000);
    vi.setSystemTime(start + 61_000);
    agent.close();
    await expect.poll(() => lastSeen(identity.agentId)).toBe(start + 61_000);
  } finally {
    vi.useRealTimers();
  }
});
