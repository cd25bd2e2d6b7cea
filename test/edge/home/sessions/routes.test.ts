import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { SessionStore } from "../../../../edge/home/sessions/store.ts";
import { sessionTables } from "../../../../edge/home/sessions/tables.ts";
import { bearer, errorOf, insertKey, insertUser, type Owner, request, setUp } from "../../support/edge.ts";

/** What any of the routes answers with. */
interface Body extends Shown {
  sessions: Shown[];
  turns: { index: number }[];
  next: string | number | null;
}

interface Shown {
  id: string;
  title: string;
  turnCount: number;
  settings: object;
  forkedFrom: unknown;
  source: string | null;
}

let owner: Owner;
let member: string;

beforeAll(async () => {
  owner = await setUp();
  member = await insertKey(owner.accountId, "sessions", await insertUser(owner.accountId, "member"));
});

async function call(
  method: string,
  path: string,
  body?: unknown,
  key = owner.apiKey,
): Promise<{ status: number; body: Body }> {
  const headers = { ...bearer(key), "content-type": "application/json" };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await request(path, init);
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text === "" ? "null" : text) };
}

async function begin(body: object = {}, key = owner.apiKey): Promise<Shown> {
  const made = await call("POST", "/api/sessions", body, key);
  expect(made.status).toBe(201);
  return made.body;
}

/** Writes turns as Home's own parts do. */
async function say(id: string, ...questions: string[]): Promise<void> {
  await runInDurableObject(env.HOME.getByName(owner.accountId), (_home, { storage }) => {
    const tables = sessionTables(storage.sql);
    const store = new SessionStore({ tables, transaction: (step) => storage.transactionSync(step), hotTurns: 0 });
    for (const content of questions) {
      const messages = [
        { role: "user" as const, content },
        { role: "assistant" as const, content: `Yes, ${content}.` },
      ];
      store.addTurn(id, { createdAtMs: Date.now(), messages, model: "starter", state: "complete" });
    }
  });
}

describe("/api/sessions", () => {
  it("begins, shows, renames and deletes conversations", async () => {
    const made = await begin({ title: " Trees ", settings: { window: 4 } });
    expect(made).toMatchObject({ title: "Trees", turnCount: 0, settings: { window: 4 }, source: "api" });
    const path = `/api/sessions/${made.id}`;
    expect((await call("GET", path)).body).toEqual(made);
    expect((await call("PATCH", path, { title: "Shrubs" })).body).toMatchObject({
      title: "Shrubs",
      settings: { window: 4 },
    });
    expect((await call("PATCH", path, { settings: {} })).body).toMatchObject({ title: "Shrubs", settings: {} });
    expect((await call("DELETE", path)).status).toBe(204);
    for (const method of ["GET", "DELETE"]) expect((await call(method, path)).status).toBe(404);
    expect((await call("GET", `${path}/turns`)).status).toBe(404);
  });

  it("pages through turns, forks and finds", async () => {
    const { id } = await begin({ title: "Long talk" });
    await say(id, ...Array.from({ length: 7 }, (_, at) => `aardvark ${at}`));
    const first = await call("GET", `/api/sessions/${id}/turns?limit=5`);
    expect(first.body).toMatchObject({ next: 5, turnCount: 7 });
    expect(first.body.turns[4]).toMatchObject({ index: 4, state: "complete", usage: null, error: null });
    const rest = await call("GET", `/api/sessions/${id}/turns?from=5`);
    expect(rest.body).toMatchObject({ turns: [{ index: 5 }, { index: 6 }], next: null });
    const forked = await call("POST", `/api/sessions/${id}/fork`, { upTo: 3 });
    expect(forked).toMatchObject({ status: 201, body: { turnCount: 3, forkedFrom: { sessionId: id, upTo: 3 } } });
    expect((await call("POST", `/api/sessions/${id}/fork`, { upTo: 8 })).status).toBe(400);
    const found = await call("GET", "/api/sessions/search?q=aardvark%206");
    expect(found.body).toMatchObject({ complete: true, hits: [{ sessionId: id, index: 6, title: "Long talk" }] });
  });

  it("lists by pages, and by words of the title", async () => {
    const key = await insertKey(owner.accountId, "sessions", await insertUser(owner.accountId, "member"));
    const ids: string[] = [];
    for (const title of ["one heron", "two herons", "three swans"]) ids.unshift((await begin({ title }, key)).id);
    const first = await call("GET", "/api/sessions?limit=2", undefined, key);
    const second = await call("GET", `/api/sessions?before=${first.body.next}`, undefined, key);
    expect([...first.body.sessions, ...second.body.sessions].map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(second.body.next).toBeNull();
    const found = await call("GET", "/api/sessions?query=heron", undefined, key);
    expect(found.body.sessions).toHaveLength(2);
    expect((await call("GET", "/api/sessions?before=x", undefined, key)).status).toBe(400);
  });

  it("shows nobody what is another's, and nothing to a key without the scope", async () => {
    const { id } = await begin({ title: "Private pelican" }, member);
    for (const [method, path, body] of [
      ["GET", `/api/sessions/${id}`, undefined],
      ["PATCH", `/api/sessions/${id}`, { title: "x" }],
      ["DELETE", `/api/sessions/${id}`, undefined],
      ["POST", `/api/sessions/${id}/fork`, { upTo: 1 }],
      ["GET", `/api/sessions/${id}/turns`, undefined],
    ] as const) {
      expect((await call(method, path, body)).status, `${method} ${path}`).toBe(404);
    }
    expect((await call("GET", "/api/sessions/search?q=pelican")).body).toEqual({
      hits: [],
      complete: true,
      meaning: false,
    });
    const key = await insertKey(owner.accountId, "inference");
    const refused = await request("/api/sessions", { headers: bearer(key) });
    expect([refused.status, (await errorOf(refused)).code]).toEqual([403, "forbidden"]);
  });

  it("refuses what it does not know", async () => {
    for (const body of [
      { title: 7 },
      { title: "x".repeat(201) },
      { settings: { window: 0 } },
      { settings: { windows: 3 } },
      { extra: 1 },
      [],
    ]) {
      expect((await call("POST", "/api/sessions", body)).status, JSON.stringify(body)).toBe(400);
    }
    expect((await call("GET", "/api/sessions/search")).status).toBe(400);
    expect((await call("GET", `/api/sessions/search?q=${"x".repeat(201)}`)).status).toBe(400);
    expect((await call("GET", "/api/sessions?limit=1000")).status).toBe(400);
  });
});

describe("/api/session-settings", () => {
  it("are each person's", async () => {
    const set = await call("PUT", "/api/session-settings", { window: 20, instructions: "Be brief." });
    const resolved = { window: 20, instructions: "Be brief.", summary: "auto", retrieval: "auto", memory: "on" };
    expect(set.body).toEqual({ settings: { window: 20, instructions: "Be brief." }, resolved });
    expect((await call("GET", "/api/session-settings")).body).toEqual(set.body);
    const others = await call("GET", "/api/session-settings", undefined, member);
    expect(others.body).toMatchObject({ settings: {}, resolved: { window: 8 } });
    expect((await call("PUT", "/api/session-settings", { instructions: "x".repeat(8001) })).status).toBe(400);
  });
});
