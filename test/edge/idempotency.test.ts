import { env } from "cloudflare:workers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IDEMPOTENCY_LIMITS } from "../../edge/credentials/limits.ts";
import { API_LIMITS } from "../../shared/api/limits.ts";
import { database } from "../../edge/store/database.ts";
import { purgeExpired } from "../../edge/store/purge.ts";
import { type Answer, pair, saying, TestAgent, writeEvents } from "./support/agent.ts";
import { chat as plainChat, dataOf, modelOnline, QUESTION, textOf } from "./support/chat.ts";
import { bearer, errorOf, insertKey, type Owner, postJson, request, setUp, statusesOf } from "./support/edge.ts";
import { insertSession } from "./support/people.ts";

let owner: Owner;
let agent: TestAgent;
let answer: Answer;
beforeAll(async () => {
  owner = await setUp();
  agent = await TestAgent.connect(await pair(owner.apiKey), (...asked) => answer(...asked));
  await modelOnline(owner.apiKey, "starter");
});
beforeEach(() => {
  answer = saying("one", " two");
});
afterAll(() => agent.close());

const chat = async (key: string, body: Record<string, unknown> = {}, apiKey = owner.apiKey) =>
  await postJson("/v1/chat/completions", { ...QUESTION, ...body }, { ...bearer(apiKey), "idempotency-key": key });
const makeKey = async (key: string, name: string, apiKey = owner.apiKey) =>
  await postJson("/api/keys", { name }, { ...bearer(apiKey), "idempotency-key": key });
const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });
const rows = async () =>
  (await env.DB.prepare("SELECT count(*) AS n FROM idempotency").first<{ n: number }>())?.n ?? -1;
const replayed = (response: Response) => response.headers.get("idempotent-replayed");

describe("a request that is sent again under its key", () => {
  it("gets the answer of the first, and does nothing", async () => {
    const first = await makeKey("k1", "once");
    const again = await makeKey("k1", "once");
    expect([first.status, again.status, replayed(first), replayed(again)]).toEqual([201, 201, null, "true"]);
    expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
    expect(again.headers.get("cache-control")).toBe("no-store");
    expect(again.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
    const made = await first.text();
    expect(await again.text()).toBe(made);
    const { results } = await env.DB.prepare("SELECT id FROM api_keys WHERE name = 'once'").all();
    expect(results).toHaveLength(1);
  });

  it("gets a generation, whole or streamed, without a machine being asked", async () => {
    for (const stream of [false, true]) {
      const key = `generation ${stream}`;
      const first = await (await chat(key, { stream })).text();
      const streams = agent.streams.length;
      const again = await chat(key, { stream });
      expect(replayed(again)).toBe("true");
      expect(await again.text()).toBe(first);
      expect(agent.streams.length).toBe(streams);
      if (stream) expect(textOf(dataOf(first))).toBe("one two");
      else expect(JSON.parse(first)).toMatchObject({ choices: [{ message: { content: "one two" } }] });
    }
  });

  it("is refused while the first one runs, and gets its answer then", async () => {
    const { promise: go, resolve } = Promise.withResolvers<void>();
    answer = async (...asked) => {
      await go;
      await saying("late")(...asked);
    };
    const first = chat("running");
    await expect.poll(rows).toBeGreaterThan(0);
    const streams = agent.streams.length;
    const early = await Promise.all([chat("running"), chat("running")]);
    expect(statusesOf(early)).toEqual([409, 409]);
    expect(early[0]?.headers.get("retry-after")).toBe("1");
    expect((await errorOf(early[1] ?? Response.error())).code).toBe("idempotency_key_in_use");
    resolve();
    expect(await (await first).text()).toContain("late");
    expect(await (await chat("running")).text()).toContain("late");
    expect(agent.streams.length - streams).toBeLessThanOrEqual(1);
  });

  it("is one of many at once that is carried out", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => makeKey("at once", "one of 20")));
    const { results } = await env.DB.prepare("SELECT id FROM api_keys WHERE name = 'one of 20'").all();
    expect(results).toHaveLength(1);
    for (const { status } of answers) expect([201, 409]).toContain(status);
    const bodies = await Promise.all(answers.filter(({ status }) => status === 201).map((one) => one.text()));
    expect(new Set(bodies).size).toBe(1);
  });

  it("is another request if its body or its address is another: refused, and not to be tried again", async () => {
    await (await makeKey("k2", "first body")).text();
    const other = await makeKey("k2", "other body");
    expect(other.status).toBe(409);
    expect(other.headers.get("x-should-retry")).toBe("false");
    const error = await errorOf(other);
    expect(error.code).toBe("idempotency_key_reused");
    expect(JSON.stringify(error)).not.toContain("first body");
    const elsewhere = await postJson("/api/pairing-codes", {}, { ...bearer(owner.apiKey), "idempotency-key": "k2" });
    expect(elsewhere.status).toBe(409);
  });
});

describe("a key", () => {
  it("is the caller's own: nobody gets another's answer, nor hears that there is one", async () => {
    const member = await insertKey(owner.accountId, "admin");
    const first = await (await makeKey("shared", "mine")).json<{ apiKey: string }>();
    const other = await makeKey("shared", "mine", member);
    expect([other.status, replayed(other)]).toEqual([201, null]);
    expect((await other.json<{ apiKey: string }>()).apiKey).not.toBe(first.apiKey);
    expect((await makeKey("shared", "theirs", await insertKey(owner.accountId, "admin"))).status).toBe(201);
    const person = await env.DB.prepare("SELECT user_id AS id FROM api_keys LIMIT 1").first<{ id: string }>();
    for (const cookie of [await insertSession(person?.id ?? ""), await insertSession(person?.id ?? "")]) {
      const secure = cookie.replace("porchlight=", "__Host-porchlight=");
      const page = { cookie: secure, origin: "https://edge.test", "sec-fetch-site": "same-origin" };
      const byPage = await postJson("/api/keys", { name: "mine" }, { ...page, "idempotency-key": "shared" });
      expect([byPage.status, replayed(byPage)]).toEqual([201, null]);
    }
    const anonymous = await postJson("/api/keys", { name: "mine" }, { "idempotency-key": "shared" });
    expect(anonymous.status).toBe(401);
  });

  it("has 1 to 255 printable characters", async () => {
    const longest = "k".repeat(255);
    expect((await chat(longest)).status).toBe(200);
    expect(replayed(await chat(longest))).toBe("true");
    expect((await chat("~!#{}',; /\\")).status).toBe(200);
    const before = await rows();
    for (const bad of ["", "k".repeat(256), "a\tb", "é", "\u00a0", "k\u007f", "x".repeat(20_000)]) {
      const refused = await chat(bad);
      expect({ bad: bad.slice(0, 9), status: refused.status }).toEqual({ bad: bad.slice(0, 9), status: 400 });
      expect((await errorOf(refused)).param).toBe("Idempotency-Key");
    }
    expect(await rows()).toBe(before);
  });

  it("is good for 24 hours, and thrown away then", async () => {
    await (await makeKey("old", "old")).text();
    await env.DB.prepare("UPDATE idempotency SET expires_at = ?")
      .bind(Date.now() - 1)
      .run();
    const later = await makeKey("old", "another body");
    expect([later.status, replayed(later)]).toEqual([201, null]);
    await later.text();
    await purgeExpired(database(env.DB), Date.now() + IDEMPOTENCY_LIMITS.keptMs - 60_000);
    expect(await rows()).toBe(1);
    await purgeExpired(database(env.DB), Date.now() + IDEMPOTENCY_LIMITS.keptMs);
    expect(await rows()).toBe(0);
  });

  it("is free again after a failure, and holds nothing of a body that is too large", async () => {
    expect((await chat("failed", { model: "nobody has this" })).status).toBe(404);
    const bomb = await chat("failed", { messages: [{ role: "user", content: "x".repeat(API_LIMITS.bodyBytes) }] });
    expect(bomb.status).toBe(413);
    const deep = await postJson("/v1/chat/completions", nested(100), {
      ...bearer(owner.apiKey),
      "idempotency-key": "failed",
    });
    expect((await errorOf(deep)).code).toBe("json_too_deep");
    expect(await rows()).toBe(0);
  });

  it("is free again after a stream that broke off, in every dialect", async () => {
    answer = async (_asked, stream) => {
      await writeEvents(stream, { type: "text", text: "x" });
      await writeEvents(stream, { type: "error", error: { code: "context_length_exceeded", message: "full" } });
      stream.end();
    };
    expect(await (await chat("broken", { stream: true })).text()).toContain("context_length_exceeded");
    const { model, messages } = QUESTION;
    const others = {
      "/v1/messages": { max_tokens: 9 },
      "/api/chat": {},
      "/v1/responses": { input: "hello", store: false },
    };
    for (const [path, more] of Object.entries(others)) {
      const body = "input" in more ? { model, stream: true, ...more } : { model, messages, stream: true, ...more };
      const broken = await postJson(path, body, { ...bearer(owner.apiKey), "idempotency-key": path });
      expect({ path, status: broken.status }).toEqual({ path, status: 200 });
      await broken.text();
      expect({ path, rows: await rows() }).toEqual({ path, rows: 0 });
    }
    answer = saying("whole");
    const again = await chat("broken", { stream: true });
    expect([again.status, replayed(again)]).toEqual([200, null]);
    expect(textOf(dataOf(await again.text()))).toBe("whole");
  });

  it("is free again when the client of a stream has left, whose generation ends at once", async () => {
    const { promise: stopped, resolve } = Promise.withResolvers<unknown>();
    answer = async (_asked, stream, signal) => {
      signal.addEventListener("abort", () => resolve(signal.reason));
      await writeEvents(stream, { type: "text", text: "x" });
    };
    const reader = (await chat("left", { stream: true })).body?.getReader();
    await reader?.read();
    expect((await chat("left", { stream: true })).status).toBe(409);
    await reader?.cancel();
    await stopped;
    answer = saying("again");
    await expect.poll(async () => (await chat("left", { stream: true })).status).toBe(200);
  });

  it("that is held by a request which was lost with its Worker is free when the lease ends", async () => {
    await (await makeKey("lost", "lost")).text();
    await env.DB.prepare("UPDATE idempotency SET answer = NULL, bytes = 0, lease_until = ?")
      .bind(Date.now() + 60_000)
      .run();
    expect((await makeKey("lost", "lost")).status).toBe(409);
    await env.DB.prepare("UPDATE idempotency SET lease_until = ?")
      .bind(Date.now() - 1)
      .run();
    expect((await makeKey("lost", "lost")).status).toBe(201);
  });
});

describe("what is kept", () => {
  it("says nothing to whoever has the database", async () => {
    const secret = { messages: [{ role: "user", content: "secret question" }] };
    await (await chat("secret key", secret)).text();
    const { apiKey } = await (await makeKey("another key", "secret name")).json<{ apiKey: string }>();
    const stored = JSON.stringify((await env.DB.prepare("SELECT * FROM idempotency").all()).results);
    for (const word of ["secret", "one two", apiKey.slice(0, 12), "content"]) expect(stored).not.toContain(word);
    // Sealed for its own row: what is moved to another does not open.
    await env.DB.prepare(
      "UPDATE idempotency SET answer = (SELECT answer FROM idempotency WHERE answer IS NOT NULL)",
    ).run();
    const moved = await Promise.all([makeKey("another key", "secret name"), chat("secret key", secret)]);
    expect(statusesOf(moved)).toContain(500);
  });

  it("is of limited size, for an answer and for a caller", async () => {
    const word = "w".repeat(64 * 1024);
    answer = saying(...Array.from({ length: 17 }, () => word));
    const large = await (await chat("too large")).text();
    expect(large.length).toBeGreaterThan(IDEMPOTENCY_LIMITS.answerBytes);
    expect(replayed(await chat("too large"))).toBeNull();

    const caller = await insertKey(owner.accountId, "inference");
    answer = saying("small");
    await (await chat("a", {}, caller)).text();
    await env.DB.prepare(
      "UPDATE idempotency SET bytes = ? WHERE caller = (SELECT id FROM api_keys ORDER BY created_at DESC, rowid DESC LIMIT 1)",
    )
      .bind(IDEMPOTENCY_LIMITS.bytesPerCaller)
      .run();
    await (await chat("b", {}, caller)).text();
    expect(replayed(await chat("b", {}, caller))).toBeNull();
    expect(replayed(await chat("a", {}, caller))).toBe("true");
  });

  it("is of so many keys and no more", async () => {
    const caller = await insertKey(owner.accountId, "inference");
    await (await chat("first", {}, caller)).text();
    const source = await env.DB.prepare("SELECT * FROM idempotency ORDER BY expires_at DESC LIMIT 1").first();
    const copies = env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       INSERT INTO idempotency SELECT 'row ' || i, ?2, ?3, '', '', 0, ?4, 0, NULL FROM n`,
    );
    await copies
      .bind(IDEMPOTENCY_LIMITS.keysPerCaller - 1, source?.["caller"], source?.["user_id"], source?.["expires_at"])
      .run();
    expect(await errorOf(await chat("one more", {}, caller))).toMatchObject({ code: "rate_limited" });
    expect(replayed(await chat("first", {}, caller))).toBe("true");
    expect((await plainChat(caller)).status).toBe(200);
  });
});

it("does not count where the method says it all, nor for visitors", async () => {
  const before = await rows();
  const headers = { ...bearer(owner.apiKey), "idempotency-key": "k".repeat(300) };
  expect((await request("/v1/models", { headers })).status).toBe(200);
  const visitor = await postJson("/api/sign-in/recovery", { code: "x" }, { "idempotency-key": "k" });
  expect(visitor.status).toBe(403);
  expect(await rows()).toBe(before);
});
