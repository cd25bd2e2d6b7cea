import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { takeMade } from "../../../../edge/home/made.ts";
import { sessionsOf } from "../../../../edge/home/sessions/remote-desk.ts";
import { type Answer, type Identity, pair, saying, TestAgent } from "../../support/agent.ts";
import { modelOnline } from "../../support/chat.ts";
import { bearer, errorOf, insertKey, insertUser, type Owner, request, setUp } from "../../support/edge.ts";
import { makeKey, send } from "../../support/keys.ts";

interface ShownSchedule {
  id: string;
  title: string;
  paused: string | null;
  nextTimes: string[];
  sessionId: string | null;
  lastRun: { kind: string; state: string; missed: number; jobId: string; landed: { index: number } | null } | null;
}

const PLAN = { prompt: "What is on today?", model: "starter", cron: "0 8 * * 1-5", timeZone: "Europe/Berlin" };

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
  for (const agent of connected.splice(0)) {
    await expect.poll(() => agent.session.streamCount).toBe(0);
    agent.close();
  }
  await modelOnline(owner.apiKey, "starter", false);
});

async function connect(answer: Answer): Promise<void> {
  connected.push(await TestAgent.connect(identity, answer));
  await modelOnline(owner.apiKey, "starter");
}

const home = () => env.HOME.getByName(owner.accountId);

async function make(change: object = {}, key = owner.apiKey): Promise<ShownSchedule> {
  const response = await send(key, "POST", "/api/schedules", { ...PLAN, ...change });
  if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
  return await response.json();
}

async function schedule(id: string): Promise<ShownSchedule> {
  return await (await request(`/api/schedules/${id}`, { headers: bearer(owner.apiKey) })).json();
}

/** The time of a schedule has come, so long ago. */
async function letItBeDue(id: string, agoMs: number): Promise<void> {
  await runInDurableObject(home(), async (_home, { storage }) => {
    storage.sql.exec("UPDATE schedules SET next_at = ? WHERE id = ?", Date.now() - agoMs, id);
    await storage.setAlarm(Date.now() + 60_000);
  });
  await runDurableObjectAlarm(home());
}

const completed = async (id: string): Promise<ShownSchedule> => {
  await expect.poll(async () => (await schedule(id)).lastRun?.state, { timeout: 5_000 }).toBe("completed");
  return await schedule(id);
};

describe("a schedule", () => {
  it("runs by the alarm, tells the model what it is to know, and lands its answer in a session", async () => {
    await send(owner.apiKey, "POST", "/api/memory", { text: "I am allergic to peanuts" });
    const { promise: asked, resolve } = Promise.withResolvers<unknown>();
    await connect(async (body, stream, signal) => {
      resolve(body);
      await saying("Not ", "much.")(body, stream, signal);
    });
    const made = await make();
    expect(made).toMatchObject({ title: "What is on today?", paused: null, sessionId: null, lastRun: null });
    expect(made.nextTimes).toHaveLength(5);
    await letItBeDue(made.id, 1_000);
    expect(await asked).toMatchObject({
      messages: [
        { role: "system", content: expect.stringMatching(/allergic to peanuts[^]*It is .+ \(Europe\/Berlin\)\.$/) },
        { role: "user", content: "What is on today?" },
      ],
    });
    const done = await completed(made.id);
    expect(done.lastRun).toMatchObject({ kind: "due", missed: 0, landed: { index: 0 } });
    const { id: userId } = (await env.DB.prepare("SELECT id FROM users").first<{ id: string }>()) ?? { id: "" };
    const sessions = sessionsOf(env, owner.accountId);
    expect(await sessions.get(done.sessionId ?? "", userId)).toMatchObject({
      title: "What is on today?",
      source: "schedule",
    });
    expect(takeMade(await sessions.turns(done.sessionId ?? "", userId, 0, 9)).turns).toMatchObject([
      { state: "complete", messages: [{ role: "user" }, { role: "assistant", content: "Not much." }] },
    ]);
    const job = await request(`/api/jobs/${done.lastRun?.jobId}`, { headers: bearer(owner.apiKey) });
    expect(await job.json()).toMatchObject({ state: "completed", title: "What is on today?" });
  });

  it("runs once for what passed while the edge was down, also over a crash of its object", async () => {
    const made = await make({ cron: "0 * * * *" });
    await runInDurableObject(home(), async (_home, { storage }) => {
      storage.sql.exec("UPDATE schedules SET next_at = ? WHERE id = ?", Date.now() - 3 * 3600_000 - 1_000, made.id);
      await storage.setAlarm(Date.now() + 60_000);
    });
    await runInDurableObject(home(), (_home, state) => state.abort("as the test has it")).catch(() => undefined);
    await runDurableObjectAlarm(home());
    await expect.poll(async () => (await schedule(made.id)).lastRun).toMatchObject({ kind: "missed", state: "active" });
    await connect(saying("Late."));
    await completed(made.id);
    const { runs } = await (await request(`/api/schedules/${made.id}/runs`, { headers: bearer(owner.apiKey) })).json<{
      runs: unknown[];
    }>();
    expect(runs).toHaveLength(1);
    expect((await schedule(made.id)).lastRun?.missed).toBeGreaterThanOrEqual(2);
  });

  it("is changed, paused, run at once and ended", async () => {
    const { id } = await make();
    const path = `/api/schedules/${id}`;
    expect(await (await send(owner.apiKey, "PATCH", path, { paused: true, title: "Early" })).json()).toMatchObject({
      title: "Early",
      paused: "person",
      nextTimes: [],
    });
    expect((await send(owner.apiKey, "POST", `${path}/run`)).status).toBe(202);
    expect((await send(owner.apiKey, "POST", `${path}/run`)).status).toBe(409);
    await connect(saying("Now."));
    expect((await completed(id)).lastRun?.kind).toBe("now");
    expect((await send(owner.apiKey, "DELETE", path)).status).toBe(204);
    for (const method of ["GET", "DELETE", "PATCH"]) {
      expect((await send(owner.apiKey, method, path, method === "PATCH" ? {} : undefined)).status).toBe(404);
    }
    expect((await send(owner.apiKey, "GET", `${path}/runs`)).status).toBe(404);
    expect((await send(owner.apiKey, "POST", `${path}/run`)).status).toBe(404);
  });

  it("is for a key what the key may", async () => {
    const inference = await insertKey(owner.accountId, "inference");
    const both = await insertKey(owner.accountId, "inference sessions");
    expect(await errorOf(await send(inference, "POST", "/api/schedules", PLAN))).toMatchObject({
      code: "forbidden",
      param: "toSession",
    });
    const { id } = await make({}, both);
    const listed = await send(inference, "GET", "/api/schedules");
    expect(await listed.json()).toEqual({ schedules: [] });
    expect((await send(inference, "GET", `/api/schedules/${id}`)).status).toBe(404);
    expect((await send(both, "GET", `/api/schedules/${id}`)).status).toBe(200);
    const row = await env.DB.prepare("SELECT id FROM api_keys WHERE scope = 'inference sessions'").first<{
      id: string;
    }>();
    expect((await send(owner.apiKey, "DELETE", `/api/keys/${row?.id}`)).status).toBe(204);
    expect(await schedule(id)).toMatchObject({ paused: "key_revoked", nextTimes: [] });
    const { apiKey } = await makeKey(owner.apiKey, { name: "x", scopes: ["inference"], models: ["other*"] });
    const refused = await send(apiKey, "POST", "/api/schedules", { ...PLAN, toSession: false });
    expect(await errorOf(refused)).toMatchObject({ code: "model_not_found" });
  });

  it("keeps to the limits of its key: what is over them waits", async () => {
    const limits = { requestsPerMinute: 1 };
    const { apiKey } = await makeKey(owner.apiKey, { name: "y", scopes: ["inference", "sessions"], limits });
    await connect(saying("Within."));
    const ids = [(await make({}, apiKey)).id, (await make({}, apiKey)).id];
    for (const id of ids) expect((await send(apiKey, "POST", `/api/schedules/${id}/run`)).status).toBe(202);
    await completed(ids[0] ?? "");
    const { lastRun } = await schedule(ids[1] ?? "");
    expect(lastRun?.state).toBe("active");
    const job = await request(`/api/jobs/${lastRun?.jobId}`, { headers: bearer(apiKey) });
    expect(await job.json()).toMatchObject({ state: "queued", error: { code: "rate_limit_exceeded" } });
  });

  it("ends with its person, also where the object was not told", async () => {
    const ben = await insertUser(owner.accountId, "member");
    const bens = await insertKey(owner.accountId, "admin", ben);
    const { id } = await make({}, bens);
    expect((await send(owner.apiKey, "GET", `/api/schedules/${id}`)).status).toBe(404);
    await env.DB.prepare("DELETE FROM users WHERE id = ?").bind(ben).run();
    await letItBeDue(id, 1_000);
    const count = async () =>
      await runInDurableObject(home(), (_home, { storage }) =>
        storage.sql.exec("SELECT count(*) AS n FROM schedules WHERE user_id = ?", ben).one(),
      );
    await expect.poll(count).toEqual({ n: 0 });
  });
});

it("says the next times of what is typed, or what is wrong with it", async () => {
  const ask = async (cron: string, timeZone: string) =>
    await send(owner.apiKey, "GET", `/api/schedule-times?${new URLSearchParams({ cron, timeZone }).toString()}`);
  const { times } = await (await ask(" 0  8 * * * ", "Europe/Berlin")).json<{ times: string[] }>();
  expect(times).toHaveLength(5);
  expect(await (await ask("every day at 8", "Europe/Berlin")).json()).toEqual({ times });
  expect(await errorOf(await ask("* * * * *", "UTC"))).toMatchObject({ code: "invalid_request", param: "cron" });
  expect(await errorOf(await ask("0 8 * * *", "Mars/Base"))).toMatchObject({ param: "timeZone" });
  expect((await send(owner.apiKey, "GET", "/api/schedule-times")).status).toBe(400);
  const bad = await send(owner.apiKey, "POST", "/api/schedules", { ...PLAN, model: "nobody-has-it" });
  expect(await errorOf(bad)).toMatchObject({ code: "model_not_found" });
});
