import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { RUNS_FEATURE } from "../../../../shared/protocol/handshake.ts";
import { type Answer, type Identity, pair, saying, TestAgent, writeEvents } from "../../support/agent.ts";
import { modelOnline } from "../../support/chat.ts";
import { bearer, errorOf, insertKey, insertUser, type Owner, postJson, request, setUp } from "../../support/edge.ts";

interface ShownJob {
  id: string;
  state: string;
  title: string | null;
  position: number | null;
  estimatedStart: string | null;
  attempts: number;
  error: { code: string } | null;
  result?: { choices: { message: { content: string } }[]; usage: unknown } | null;
}

let owner: Owner;
let identity: Identity;
const connected: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
  // From here on the household is known: a model that nobody has is refused.
  const agent = await TestAgent.connect(identity, saying("x"));
  await modelOnline(owner.apiKey, "starter");
  agent.close();
  await modelOnline(owner.apiKey, "starter", false);
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const agent of connected.splice(0)) {
    await expect.poll(() => agent.session.streamCount).toBe(0);
    agent.close();
  }
  await modelOnline(owner.apiKey, "starter", false);
});

const home = () => env.HOME.getByName(owner.accountId);

async function connect(answer: Answer): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer);
  connected.push(agent);
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

const ask = (content: string) => ({ request: { model: "starter", messages: [{ role: "user", content }] } });

async function makeJob(body: unknown = ask("What is a porch?"), key = owner.apiKey): Promise<ShownJob> {
  const response = await postJson("/api/jobs", body, bearer(key));
  if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
  return await response.json();
}

async function job(id: string, key = owner.apiKey): Promise<ShownJob> {
  return await (await request(`/api/jobs/${id}`, { headers: bearer(key) })).json();
}

async function act(method: string, path: string, key = owner.apiKey): Promise<Response> {
  return await request(path, { method, headers: bearer(key) });
}

const until = async (id: string, state: string): Promise<ShownJob> => {
  await expect.poll(async () => (await job(id)).state, { timeout: 5_000 }).toBe(state);
  return await job(id);
};

/** Says one piece and waits until it may go on; `stopped` resolves when the edge stops it. */
function paused(...rest: string[]): {
  answer: Answer;
  goOn: () => void;
  stopped: Promise<unknown>;
  asked: () => number;
} {
  const go = Promise.withResolvers<void>();
  const stop = Promise.withResolvers<unknown>();
  let asked = 0;
  const answer: Answer = async (body, stream, signal) => {
    asked += 1;
    signal.addEventListener("abort", () => stop.resolve(signal.reason));
    await writeEvents(stream, { type: "text", text: "first " });
    await go.promise;
    await saying(...rest)(body, stream, signal);
  };
  return { answer, goOn: () => go.resolve(), stopped: stop.promise, asked: () => asked };
}

describe("a job", () => {
  it("waits for a machine that is off, runs when it comes, and keeps its answer", async () => {
    const made = await makeJob(ask("What is\n a   porch?"));
    expect(made).toMatchObject({ state: "queued", title: "What is a porch?", position: 1, estimatedStart: null });
    expect((await job(made.id)).error?.code).toBe("agent_offline");
    await connect(saying("A ", "roof."));
    const done = await until(made.id, "completed");
    expect(done).toMatchObject({
      attempts: 1,
      error: null,
      result: {
        object: "chat.completion",
        model: "starter",
        choices: [{ message: { content: "A roof." }, finish_reason: "stop" }],
        usage: { completion_tokens: 2 },
      },
    });
    expect((await act("DELETE", `/api/jobs/${made.id}`)).status).toBe(204);
    expect((await act("GET", `/api/jobs/${made.id}`)).status).toBe(404);
  });

  it("is what a chat request with `background` becomes", async () => {
    const chat = async (extra: object) =>
      await postJson("/v1/chat/completions", { ...ask("What is a porch?").request, ...extra }, bearer(owner.apiKey));
    const response = await chat({ background: true });
    expect(response.status).toBe(202);
    const made = await response.json<ShownJob>();
    expect(response.headers.get("location")).toBe(`/api/jobs/${made.id}`);
    expect(made).toMatchObject({ state: "queued", title: "What is a porch?" });
    await connect(saying("A ", "roof."));
    const done = await until(made.id, "completed");
    expect(done.result?.choices[0]?.message.content).toBe("A roof.");
    for (const extra of [{ stream: true }, { n: 2 }]) {
      const refused = await chat({ background: true, ...extra });
      expect(refused.status).toBe(400);
      expect(await errorOf(refused)).toMatchObject({ code: "invalid_request", param: "background" });
    }
    expect((await chat({ background: false })).status).toBe(200);
  });

  it("reaches the machine as the canonical request, behind whoever waits at the page", async () => {
    const { promise: seen, resolve } = Promise.withResolvers<unknown>();
    await connect(async (body, stream, signal) => {
      resolve(body);
      await saying("ok")(body, stream, signal);
    });
    const body = { ...ask("hi"), priority: "low" };
    const made = await makeJob({ ...body, request: { ...body.request, max_tokens: 7, temperature: 0 } });
    expect(await seen).toMatchObject({ maxTokens: 7, sampling: { temperature: 0 }, priority: "low" });
    await until(made.id, "completed");
  });

  it("is cancelled while it waits and while it runs, once", async () => {
    const waiting = await makeJob();
    expect(await (await act("POST", `/api/jobs/${waiting.id}/cancel`)).json()).toMatchObject({ state: "cancelled" });
    const held = paused("never");
    await connect(held.answer);
    const running = await makeJob();
    await until(running.id, "running");
    expect((await act("DELETE", `/api/jobs/${running.id}`)).status).toBe(409);
    await act("POST", `/api/jobs/${running.id}/cancel`);
    expect(await held.stopped).toMatchObject({ code: "cancelled" });
    held.goOn();
    expect(await (await act("POST", `/api/jobs/${running.id}/cancel`)).json()).toMatchObject({ state: "cancelled" });
    expect((await job(running.id)).result).toBeNull();
  });

  it("outlives a crash of the object that runs it, with one answer", async () => {
    const held = paused("second");
    connected.push(await TestAgent.connect(identity, held.answer, undefined, undefined, [RUNS_FEATURE]));
    const made = await makeJob();
    await until(made.id, "running");
    // Not an eviction, which waits until nothing is under way.
    await runInDurableObject(home(), (_, state) => state.abort("as the test has it")).catch(() => undefined);
    await Promise.all(connected.splice(0).map(({ closed }) => closed));
    held.goOn();
    const back = await TestAgent.connect(identity, saying("whole"), undefined, undefined, [RUNS_FEATURE]);
    connected.push(back);
    // It came back without the run.
    back.session.control({ type: "runs", runs: [] });
    await expect
      .poll(async () => (await runDurableObjectAlarm(home()), (await job(made.id)).state), {
        timeout: 8_000,
        interval: 200,
      })
      .toBe("completed");
    const done = await job(made.id);
    expect(done.result?.choices).toHaveLength(1);
    expect(done.result?.choices[0]?.message.content).toMatch(/whole$/);
  }, 15_000);

  it("is tried again after lines that are no answer, and keeps none of them", async () => {
    let asked = 0;
    await connect(async (body, stream, signal) => {
      if (asked++ > 0) return await saying("an answer")(body, stream, signal);
      await writeEvents(stream, { type: "text", text: "half" });
      await stream.write(new TextEncoder().encode('{"type":"poem"}\n'));
    });
    const { id } = await makeJob(ask("And now?"));
    const done = await until(id, "completed");
    expect(done.attempts).toBe(2);
    expect(done.result?.choices[0]?.message.content).toBe("an answer");
  });

  it("is tried again after a failure of its machine, and told why it failed in the end", async () => {
    let asked = 0;
    await connect(async (_body, stream) => {
      asked += 1;
      const code = asked === 1 ? "engine_crashed" : "context_length_exceeded";
      await writeEvents(stream, { type: "error", error: { code, message: "as the test has it" } });
      stream.end();
    });
    const made = await makeJob();
    await expect
      .poll(async () => (await runDurableObjectAlarm(home()), (await job(made.id)).state), {
        timeout: 8_000,
        interval: 200,
      })
      .toBe("failed");
    expect(await job(made.id)).toMatchObject({ attempts: 2, error: { code: "context_length_exceeded" }, result: null });
  }, 15_000);

  it("is made once under one Idempotency-Key, however often it is asked for", async () => {
    const headers = { ...bearer(owner.apiKey), "idempotency-key": "the same" };
    const [first, second] = [
      await postJson("/api/jobs", ask("once"), headers),
      await postJson("/api/jobs", ask("once"), headers),
    ];
    const made = await first.json<ShownJob>();
    expect([first.status, second.status, (await second.json<ShownJob>()).id]).toEqual([202, 202, made.id]);
    expect((await postJson("/api/jobs", ask("twice"), headers)).status).toBe(409);
    await act("POST", `/api/jobs/${made.id}/cancel`);
  });

  it("ends with the key that asked for it", async () => {
    const key = await insertKey(owner.accountId, "inference");
    const made = await makeJob(ask("by key"), key);
    const { keys } = await (await act("GET", "/api/keys")).json<{ keys: { id: string; scopes: string[] }[] }>();
    const id = keys.find(({ scopes }) => scopes.join() === "inference")?.id;
    expect((await act("DELETE", `/api/keys/${id}`)).status).toBe(204);
    expect((await job(made.id)).state).toBe("cancelled");
  });
});

describe("the list", () => {
  it("goes page by page, and is narrowed by state", async () => {
    const made = [await makeJob(ask("1")), await makeJob(ask("2")), await makeJob(ask("3"))];
    const read = async (query: string) =>
      await (await act("GET", `/api/jobs?${query}`)).json<{ jobs: ShownJob[]; next: string | null }>();
    const first = await read("state=queued&limit=2");
    expect(first.jobs.map(({ title }) => title)).toEqual(["3", "2"]);
    expect(first.jobs.map(({ position }) => position)).toEqual([3, 2]);
    const second = await read(`state=queued&limit=2&before=${first.next}`);
    expect([second.jobs.map(({ title }) => title), second.next]).toEqual([["1"], null]);
    for (const bad of ["limit=0", "limit=201", "limit=x", "state=dead", "before=-1", "before=1e9", "before='"]) {
      expect([bad, (await act("GET", `/api/jobs?${bad}`)).status]).toEqual([bad, 400]);
    }
    for (const { id } of made) await act("POST", `/api/jobs/${id}/cancel`);
  });

  it("shows everybody what is theirs: a key its own, the owner that there are others'", async () => {
    const member = await insertUser(owner.accountId, "member");
    const theirs = await insertKey(owner.accountId, "inference", member);
    const other = await insertKey(owner.accountId, "inference", member);
    const made = await makeJob(ask("my secret"), theirs);
    const ids = async (key: string) => {
      const { jobs } = await (await act("GET", "/api/jobs?state=queued", key)).json<{ jobs: ShownJob[] }>();
      return jobs.map(({ id }) => id);
    };
    expect([await ids(theirs), await ids(other), await ids(owner.apiKey)]).toEqual([[made.id], [], [made.id]]);
    expect((await act("GET", `/api/jobs/${made.id}`, other)).status).toBe(404);
    expect((await act("POST", `/api/jobs/${made.id}/cancel`, other)).status).toBe(404);
    expect((await act("DELETE", `/api/jobs/${made.id}`, other)).status).toBe(404);
    await connect(saying("a secret answer"));
    await expect.poll(async () => (await job(made.id)).state).toBe("completed");
    expect(JSON.stringify(await job(made.id))).not.toContain("secret");
    expect(JSON.stringify(await job(made.id, theirs))).toContain("a secret answer");
  });
});

describe("what is no job", () => {
  const good = ask("x");
  it.each([
    ["no request", {}, "request"],
    ["a stream", { request: { ...good.request, stream: true } }, "request.stream"],
    ["several answers", { request: { ...good.request, n: 2 } }, "request.n"],
    ["an unknown field", { ...good, webhook: "http://127.0.0.1/" }, "webhook"],
    ["a priority above the key's", { ...good, priority: "high" }, "priority"],
    ["a priority that is none", { ...good, priority: "urgent" }, "priority"],
    ["no time", { ...good, deadlineSeconds: 0 }, "deadlineSeconds"],
    ["too much time", { ...good, deadlineSeconds: 1e12 }, "deadlineSeconds"],
    [
      "a tool's answer to nobody",
      { request: { model: "starter", messages: [{ role: "tool", tool_call_id: "x", content: "" }] } },
      "messages[0].tool_call_id",
    ],
  ])("is refused by name: %s", async (_name, body, param) => {
    const response = await postJson("/api/jobs", body, bearer(owner.apiKey));
    expect([response.status, (await errorOf(response)).param]).toEqual([400, param]);
  });

  it("is refused for its model, its size, and its key's rights", async () => {
    const status = async (body: unknown, key: string) => (await postJson("/api/jobs", body, bearer(key))).status;
    expect(await status({ request: { ...good.request, model: "nobody-has" } }, owner.apiKey)).toBe(404);
    expect(await status(ask("x".repeat(5 * 1024 * 1024)), owner.apiKey)).toBe(413);
    expect(await status(good, await insertKey(owner.accountId, "models:read"))).toBe(403);
    expect(await status(good, "plk_live_nothing")).toBe(401);
  });
});

describe("webhooks", () => {
  const addWebhook = async (url: string, key = owner.apiKey) => await postJson("/api/webhooks", { url }, bearer(key));

  it("tell of a job's end, signed, without its words", async () => {
    const sent: { url: string; headers: Headers; body: string }[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const asked = new Request(input, init);
      sent.push({ url: asked.url, headers: asked.headers, body: await asked.text() });
      return new Response(null, { status: 204 });
    });
    const made = await addWebhook("https://hooks.example.com/a#part");
    expect(made.status).toBe(201);
    const webhook = await made.json<{ id: string; url: string; secret: string }>();
    expect(webhook).toMatchObject({ url: "https://hooks.example.com/a", secret: expect.stringMatching(/^whsec_/) });
    await connect(saying("not in the message"));
    const { id } = await makeJob(ask("nor this"));
    await until(id, "completed");
    await expect.poll(() => sent.length).toBe(1);
    expect(sent[0]).toMatchObject({ url: "https://hooks.example.com/a" });
    expect([...(sent[0]?.headers.keys() ?? [])]).toEqual(
      expect.arrayContaining(["webhook-id", "webhook-signature", "webhook-timestamp"]),
    );
    expect(JSON.parse(sent[0]?.body ?? "")).toMatchObject({ type: "job.completed", data: { id, state: "completed" } });
    expect(sent[0]?.body).not.toMatch(/not in|nor this/);
    const log = async () => {
      const { webhooks } = await (await act("GET", "/api/webhooks")).json<{
        webhooks: { deliveries: { state: string }[] }[];
      }>();
      return webhooks.flatMap(({ deliveries }) => deliveries.map(({ state }) => state));
    };
    await expect.poll(log).toEqual(["delivered"]);
    const rotated = await (await act("POST", `/api/webhooks/${webhook.id}/secret`)).json<{ secret: string }>();
    expect(rotated.secret).not.toBe(webhook.secret);
    expect((await act("POST", `/api/webhooks/${webhook.id}/test`)).status).toBe(202);
    await expect.poll(() => sent.length).toBe(2);
    expect(sent[1]?.headers.get("webhook-signature")?.split(" ")).toHaveLength(2);
    expect(await (await act("GET", "/api/webhooks")).text()).not.toContain("whsec_");
    expect((await act("DELETE", `/api/webhooks/${webhook.id}`)).status).toBe(204);
    expect((await act("DELETE", `/api/webhooks/${webhook.id}`)).status).toBe(404);
  });

  it("belong to one person, and go to public addresses only", async () => {
    const member = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "member"));
    const viewer = await insertKey(owner.accountId, "admin", await insertUser(owner.accountId, "viewer"));
    for (const url of [
      "http://example.com/",
      "https://127.0.0.1/",
      "https://[::ffff:a00:1]/",
      "https://u:p@example.com/",
      "x",
    ]) {
      const response = await addWebhook(url);
      expect([url, response.status, await errorOf(response)]).toEqual([
        url,
        400,
        expect.objectContaining({ code: "webhook_url_refused", param: "url" }),
      ]);
    }
    expect((await addWebhook("https://a.example.com/", viewer)).status).toBe(403);
    const { id } = await (await addWebhook("https://a.example.com/", member)).json<{ id: string }>();
    for (const [method, path] of [
      ["DELETE", ""],
      ["POST", "/secret"],
      ["POST", "/test"],
    ] as const) {
      expect((await act(method, `/api/webhooks/${id}${path}`)).status).toBe(404);
    }
    await runInDurableObject(home(), async (instance) => {
      expect(instance.callJobs("receivers", ["nobody"])).toEqual([]);
    });
  });
});
