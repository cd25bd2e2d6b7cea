import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, expect, it, vi } from "vitest";
import type { StatusMessage } from "../../../../shared/protocol/messages.ts";
import {
  type Answer,
  type Identity,
  pair,
  saying,
  STARTER,
  statusOf,
  TestAgent,
  writeEvents,
} from "../../support/agent.ts";
import { chat, modelOnline } from "../../support/chat.ts";
import { bearer, errorOf, insertKey, insertUser, type Owner, request, setUp } from "../../support/edge.ts";

let owner: Owner;
beforeAll(async () => {
  owner = await setUp();
});

const HEALTHY = { ok: true, checkedAt: 1 };
let models = 0;

/** A model that only this test's machines have. */
const ownModel = () => ({ ...STARTER, name: `model-${models++}` });

async function call(method: string, path: string, key = owner.apiKey): Promise<Response> {
  return await request(path, { method, headers: bearer(key) });
}

interface Listed {
  id: string;
  online: boolean;
  draining: boolean;
  healthy: boolean;
  wakeable: boolean;
  health: { ok: boolean; reason?: string } | null;
}

async function listed({ agentId }: Identity): Promise<Listed> {
  const { agents } = await (await call("GET", "/api/agents")).json<{ agents: Listed[] }>();
  const found = agents.find(({ id }) => id === agentId);
  if (found === undefined) throw new Error("not listed");
  return found;
}

/** A machine that says of itself what it is told, beside that it takes control messages. */
async function connect(identity: Identity, answer: Answer, status: Partial<StatusMessage> = {}): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer, status.models ?? []);
  agent.session.control({ ...statusOf([]), slots: 4, health: HEALTHY, ...status });
  const its = status.models?.[0];
  if (its) await modelOnline(owner.apiKey, its.name);
  return agent;
}

const content = async (response: Response): Promise<string> => {
  const { choices } = await response.json<{ choices: { message: { content: string } }[] }>();
  return choices[0]?.message.content ?? "";
};

it("takes a machine out of service by the API: what runs ends well, what comes goes elsewhere", async () => {
  const model = ownModel();
  const [first, second] = [await pair(owner.apiKey), await pair(owner.apiKey)];
  const go = Promise.withResolvers<void>();
  const slow: Answer = async (_request, stream) => {
    await writeEvents(stream, { type: "text", text: "first" });
    await go.promise;
    await writeEvents(stream, { type: "finish", reason: "stop" });
    stream.end();
  };
  const a = await connect(first, slow, { models: [model] });
  const running = chat(owner.apiKey, { model: model.name });
  await vi.waitFor(() => expect(a.streams.length).toBe(1));
  const b = await connect(second, saying("second"), { models: [model] });

  const drained = await call("POST", `/api/agents/${first.agentId}/drain`);
  expect([drained.status, await drained.json()]).toEqual([200, { draining: true }]);
  await vi.waitFor(() => expect(a.control).toContainEqual({ type: "drain", draining: true }));
  for (let n = 0; n < 5; n++) expect(await content(await chat(owner.apiKey, { model: model.name }))).toBe("second");
  expect(a.streams.length).toBe(1);
  go.resolve();
  expect(await content(await running)).toBe("first");

  // The machine has taken it up: from now on it is what the machine says.
  a.session.control({ ...statusOf([model]), health: HEALTHY, draining: true });
  await evictDurableObject(env.HOME.getByName(owner.accountId));
  expect(await listed(first)).toMatchObject({ online: true, draining: true });
  b.close();
  await b.closed;
  await vi.waitFor(async () => expect((await listed(second)).online).toBe(false));
  const refused = await chat(owner.apiKey, { model: model.name });
  expect(refused.status).toBe(503);
  expect((await errorOf(refused)).message).toContain("out of service");

  expect((await call("DELETE", `/api/agents/${first.agentId}/drain`)).status).toBe(200);
  expect(await content(await chat(owner.apiKey, { model: model.name }))).toBe("first");
  a.close();
});

it("tells an offline machine when it comes, and believes the machine after that", async () => {
  const identity = await pair(owner.apiKey);
  expect((await call("POST", `/api/agents/${identity.agentId}/drain`)).status).toBe(200);
  expect(await listed(identity)).toMatchObject({ online: false, draining: true });
  const agent = await connect(identity, saying("x"));
  await vi.waitFor(() => expect(agent.control).toEqual([{ type: "drain", draining: true }]));
  agent.session.control({ ...statusOf([]), health: HEALTHY, draining: true });
  // `porchlight undrain` on the machine.
  agent.session.control({ ...statusOf([]), health: HEALTHY });
  await vi.waitFor(async () => expect((await listed(identity)).draining).toBe(false));
  expect(agent.control.length).toBe(1);
  agent.close();
});

it("gives a machine that fails its trial no work until one passes", async () => {
  const model = ownModel();
  const identity = await pair(owner.apiKey);
  const agent = await connect(identity, saying("well"), { models: [model] });
  agent.session.control({ ...statusOf([model]), health: { ok: false, checkedAt: 2, reason: "It hangs." } });
  await vi.waitFor(async () =>
    expect(await listed(identity)).toMatchObject({ healthy: false, health: { reason: "It hangs." } }),
  );
  const refused = await chat(owner.apiKey, { model: model.name });
  expect([refused.status, (await errorOf(refused)).code]).toEqual([503, "agent_offline"]);
  agent.session.control({ ...statusOf([model]), health: { ok: true, checkedAt: 3 } });
  await vi.waitFor(async () => expect((await listed(identity)).healthy).toBe(true));
  expect(await content(await chat(owner.apiKey, { model: model.name }))).toBe("well");
  agent.close();
});

it("has a machine tried whose requests fail one after another", async () => {
  const model = ownModel();
  const identity = await pair(owner.apiKey);
  let works = false;
  const agent = await connect(
    identity,
    async (wanted, stream, signal) => {
      if (works) return await saying("again")(wanted, stream, signal);
      await writeEvents(stream, { type: "error", error: { code: "internal", message: "x" } });
      stream.end();
    },
    { models: [model] },
  );
  for (let n = 0; n < 3; n++) expect((await chat(owner.apiKey, { model: model.name })).status).toBe(500);
  await vi.waitFor(() => expect(agent.control).toContainEqual({ type: "check" }));
  expect(await listed(identity)).toMatchObject({ healthy: false, health: { ok: true } });
  expect((await chat(owner.apiKey, { model: model.name })).status).toBe(503);
  works = true;
  agent.session.control({ ...statusOf([model]), health: { ok: true, checkedAt: 9 } });
  await vi.waitFor(async () => expect((await listed(identity)).healthy).toBe(true));
  expect(await content(await chat(owner.apiKey, { model: model.name }))).toBe("again");
  agent.close();
});

it("goes on with a conversation on the machine that it began on", async () => {
  const model = { ...ownModel(), contextLength: 32_768 };
  const [a, b] = [
    await connect(await pair(owner.apiKey), saying("a"), { models: [model] }),
    await connect(await pair(owner.apiKey), saying("b"), { models: [model] }),
  ];
  // Both are known before the first question.
  await vi.waitFor(async () => {
    const { agents } = await (await call("GET", "/api/agents")).json<{ agents: { models: { name: string }[] }[] }>();
    expect(agents.filter(({ models: its }) => its.some(({ name }) => name === model.name)).length).toBe(2);
  });
  const conversations = Array.from({ length: 3 }, (_, n) => [{ role: "user", content: `${n} ${"word ".repeat(800)}` }]);
  const homes = new Map<number, string>();
  for (let turn = 0; turn < 4; turn++) {
    const answers = await Promise.all(
      conversations.map(async (messages) => await content(await chat(owner.apiKey, { model: model.name, messages }))),
    );
    for (const [n, answer] of answers.entries()) {
      expect(answer).toBe(homes.get(n) ?? answer);
      homes.set(n, answer);
      conversations[n]?.push({ role: "assistant", content: answer }, { role: "user", content: `and ${turn}?` });
    }
  }
  // At once they had been spread.
  expect(new Set(homes.values())).toEqual(new Set(["a", "b"]));
  a.close();
  b.close();
});

it("wakes a machine through a sibling on its network, when asked and when a request needs it", async () => {
  const model = ownModel();
  const network = "192.168.7.0/24";
  const target = { mac: "3c:52:82:0a:1b:2c", network };
  const [sleeper, sibling] = [await pair(owner.apiKey), await pair(owner.apiKey)];
  const asleep = await connect(sleeper, saying("awake"), { models: [model], wake: [target] });
  asleep.close();
  await asleep.closed;
  await vi.waitFor(async () => expect((await listed(sleeper)).online).toBe(false));
  const wake = `/api/agents/${sleeper.agentId}/wake`;
  const nobody = await call("POST", wake);
  expect([nobody.status, (await errorOf(nobody)).code]).toEqual([409, "wake_impossible"]);

  const agent = await connect(sibling, saying("x"), { wake: [{ mac: "3c:52:82:0a:1b:2d", network }] });
  await vi.waitFor(async () => expect((await listed(sleeper)).wakeable).toBe(true));
  const waiting = await chat(owner.apiKey, { model: model.name });
  expect(waiting.status).toBe(503);
  expect(waiting.headers.get("retry-after")).toBe("20");
  expect((await errorOf(waiting)).message).toContain("being woken");
  await vi.waitFor(() => expect(agent.control).toEqual([{ type: "wake", targets: [target] }]));
  expect(await (await call("POST", wake)).json()).toEqual({ state: "under_way" });

  const awake = await connect(sleeper, saying("awake"), { models: [model], wake: [target] });
  expect(await (await call("POST", wake)).json()).toEqual({ state: "awake" });
  expect(await content(await chat(owner.apiKey, { model: model.name }))).toBe("awake");
  expect((await errorOf(await call("POST", `/api/agents/${(await pair(owner.apiKey)).agentId}/wake`))).code).toBe(
    "wake_impossible",
  );
  agent.close();
  awake.close();
});

it("is the owner's to drain, nobody's from outside, and no machine's that is not there", async () => {
  const { agentId } = await pair(owner.apiKey);
  const member = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "member"));
  expect((await call("POST", `/api/agents/${agentId}/drain`, member)).status).toBe(403);
  expect((await call("DELETE", `/api/agents/${agentId}/drain`, member)).status).toBe(403);
  for (const path of ["drain", "wake"]) {
    expect((await call("POST", `/api/agents/${crypto.randomUUID()}/${path}`)).status).toBe(404);
  }
  await call("DELETE", `/api/agents/${agentId}`);
  expect((await call("POST", `/api/agents/${agentId}/drain`)).status).toBe(404);
});

it("lets the owner decide what becomes of answers that have begun, and keeps it", async () => {
  const put = async (body: object, key = owner.apiKey) =>
    await request("/api/dispatch", {
      method: "PUT",
      headers: { ...bearer(key), "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const now = async () => await (await call("GET", "/api/dispatch")).json();
  expect(await now()).toEqual({ replay: "off" });
  expect((await put({ replay: "on" })).status).toBe(200);
  await evictDurableObject(env.HOME.getByName(owner.accountId));
  expect(await now()).toEqual({ replay: "on" });
  for (const body of [{}, { replay: true }, { replay: "on", more: 1 }]) expect((await put(body)).status).toBe(400);
  const viewer = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "viewer"));
  expect((await put({ replay: "off" }, viewer)).status).toBe(403);
});

it("breaks with a machine that says of itself what nobody could be", async () => {
  const hostile: object[] = [
    { wake: [{ mac: "ff:ff:ff:ff:ff:ff", network: "192.168.1.0/24" }] },
    { wake: [{ mac: "00:00:00:00:00:00", network: "192.168.1.0/24" }] },
    { wake: [{ mac: "3c:52:82:0a:1b:2c", network: "evil.example" }] },
    { wake: Array.from({ length: 9 }, () => ({ mac: "3c:52:82:0a:1b:2c", network: "192.168.1.0/24" })) },
    { slots: 0 },
    { otherRequests: -1 },
    { health: { ok: "yes", checkedAt: 1 } },
    { health: { ok: false, checkedAt: 1, reason: "x".repeat(513) } },
  ];
  for (const part of hostile) {
    const agent = await TestAgent.connect(await pair(owner.apiKey), saying("x"), []);
    agent.session.control({ ...statusOf([]), ...part });
    expect((await agent.closed).code, JSON.stringify(part)).toBe(4400);
  }
});
