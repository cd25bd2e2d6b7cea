import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { embedLines } from "../../../shared/inference/embed-lines.ts";
import { type Answer, type EmbedAnswer, pair, saying, STARTER, TestAgent, writeEvents } from "../support/agent.ts";
import { chat, modelOnline } from "../support/chat.ts";
import { bearer, errorOf, insertKey, insertUser, type Owner, request, setUp } from "../support/edge.ts";
import { makeKey, send } from "../support/keys.ts";

const VECTORS = { ...STARTER, name: "vectors", task: "embed" as const };
const OTHER = { ...STARTER, name: "qwen3-4b" };

let owner: Owner;
let agent: TestAgent;
let answer: Answer;
const vectors: EmbedAnswer = async (asked, stream) => {
  const answers = { vectors: asked.inputs.map(() => Float32Array.of(1)), promptTokens: 5 };
  const lines = Array.from(embedLines(answers), (line) => `${JSON.stringify(line)}\n`).join("");
  await stream.write(new TextEncoder().encode(lines));
  stream.end();
};

beforeAll(async () => {
  owner = await setUp();
  const identity = await pair(owner.apiKey);
  const models = [STARTER, VECTORS, OTHER];
  agent = await TestAgent.connect(identity, (...asked) => answer(...asked), models, vectors);
  await modelOnline(owner.apiKey, "starter");
});
beforeEach(() => {
  answer = saying("ok");
});
afterAll(() => agent.close());

const limited = async (limits: Record<string, number>, more: Record<string, unknown> = {}) =>
  await makeKey(owner.apiKey, { name: "limited", limits, ...more });

/** Counts streams that were opened at the agent meanwhile. */
async function opened(work: () => Promise<unknown>): Promise<number> {
  const before = agent.streams.length;
  await work();
  return agent.streams.length - before;
}

const usage = async (id: string) => {
  const response = await request("/api/usage", { headers: bearer(owner.apiKey) });
  const { usage: rows } = await response.json<{ usage: Record<string, unknown>[] }>();
  return rows.filter(({ source }) => (source as { id: string }).id === id); // our own shape
};

/** Runs 50 callers at once, each asking again as soon as it is answered, `rounds` times. */
async function storm(apiKey: string, rounds: number, body: Record<string, unknown> = {}): Promise<number[]> {
  const callers = Array.from({ length: 50 }, async () => {
    const statuses: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const response = await chat(apiKey, body);
      statuses.push(response.status);
      await response.body?.cancel();
    }
    return statuses;
  });
  return (await Promise.all(callers)).flat();
}

describe("requests per minute", () => {
  it("hold under 50 callers at once, and no refused one reaches an agent", async () => {
    const { apiKey } = await limited({ requestsPerMinute: 17 });
    let statuses: number[] = [];
    const streams = await opened(async () => {
      statuses = await storm(apiKey, 2);
    });
    expect(statuses.filter((status) => status === 200)).toHaveLength(17);
    expect(statuses.filter((status) => status === 429)).toHaveLength(83);
    expect(streams).toBe(17);
  });

  it("are told in the headers that SDKs read", async () => {
    const { apiKey } = await limited({ requestsPerMinute: 2, tokensPerDay: 5000 });
    const first = await chat(apiKey, { max_tokens: 5 });
    expect(first.headers.get("x-ratelimit-limit-requests")).toBe("2");
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("1");
    expect(first.headers.get("x-ratelimit-limit-tokens")).toBe("5000");
    expect(Number(first.headers.get("x-ratelimit-remaining-tokens"))).toBeLessThan(5000);
    await first.text();
    const streamed = await chat(apiKey, { stream: true });
    expect(streamed.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    await streamed.text();
    const refused = await chat(apiKey);
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(62);
    expect(refused.headers.get("x-ratelimit-reset-requests")).toMatch(/^(?:1m\d+s|\d+s)$/);
    const error = await errorOf(refused);
    expect(error).toMatchObject({ code: "rate_limit_exceeded" });
    expect(error.message).toContain("2 requests per minute");
  });

  it("count embeddings and chats alike", async () => {
    const { apiKey } = await limited({ requestsPerMinute: 1 });
    const embed = () => send(apiKey, "POST", "/v1/embeddings", { model: "vectors", input: ["a"] });
    expect((await embed()).status).toBe(200);
    expect((await embed()).status).toBe(429);
    expect((await chat(apiKey)).status).toBe(429);
  });

  it("change at once when the key is changed, also where the old limit is cached", async () => {
    const { id, apiKey } = await limited({ requestsPerMinute: 1 });
    expect((await chat(apiKey)).status).toBe(200);
    expect((await chat(apiKey)).status).toBe(429);
    await send(owner.apiKey, "PATCH", `/api/keys/${id}`, { limits: { requestsPerMinute: 3 } });
    expect((await chat(apiKey)).status).toBe(200);
  });
});

describe("tokens per day", () => {
  it("hold under 50 callers, by more than one request never", async () => {
    // 3 + 1 tokens each, of which the agent tells at the end.
    const { id, apiKey } = await limited({ tokensPerDay: 2000 });
    answer = async (asked, stream, signal) => {
      await writeEvents(stream, { type: "text", text: "x" });
      await scheduler.wait(2);
      await writeEvents(
        stream,
        { type: "usage", promptTokens: 150, completionTokens: 50 },
        { type: "finish", reason: "stop" },
      );
      stream.end();
      void [asked, signal];
    };
    const statuses = await storm(apiKey, 3, { max_tokens: 50 });
    const served = statuses.filter((status) => status === 200).length;
    expect(served).toBeGreaterThan(3);
    expect(served * 200).toBeLessThanOrEqual(2000);
    expect(statuses).toContain(429);
    await expect.poll(async () => (await usage(id))[0]).toMatchObject({ requests: served, promptTokens: 150 * served });
  });

  it("are used up by whoever leaves before the end, too", async () => {
    const { id, apiKey } = await limited({ tokensPerDay: 5000 });
    answer = async (_asked, stream) => {
      for (let i = 0; i < 20; i++) await writeEvents(stream, { type: "text", text: "four char words" });
    };
    const response = await chat(apiKey, { stream: true, max_tokens: 100 });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; text.split("words").length <= 20; ) text += (await reader?.read())?.value ?? "";
    await reader?.cancel();
    await expect.poll(async () => (await usage(id))[0]).toMatchObject({ requests: 1, errors: 1 });
    const [row] = await usage(id);
    expect(row?.["completionTokens"]).toBeGreaterThanOrEqual(60);
    expect(row?.["promptTokens"]).toBeGreaterThan(5);
  });

  it("are over for the day once used, and say until when", async () => {
    const { apiKey } = await limited({ tokensPerDay: 4 });
    expect((await chat(apiKey)).status).toBe(200);
    await expect.poll(async () => (await chat(apiKey)).headers.get("x-should-retry")).toBe("false");
    const refused = await chat(apiKey);
    const untilMidnight = 86_400 - ((Date.now() / 1000) % 86_400);
    expect(Math.abs(Number(refused.headers.get("retry-after")) - untilMidnight)).toBeLessThan(10);
    expect(refused.headers.get("x-ratelimit-remaining-tokens")).toBe("0");
  });
});

describe("machine time per day", () => {
  it("is counted while it passes, and ends with the limit", async () => {
    const { apiKey } = await limited({ nodeSecondsPerDay: 1 });
    const { promise: go, resolve } = Promise.withResolvers<void>();
    answer = async (asked, stream, signal) => {
      await writeEvents(stream, { type: "text", text: "x" });
      await go;
      await saying("done")(asked, stream, signal);
    };
    const first = await chat(apiKey, { stream: true });
    await scheduler.wait(1100);
    const refused = await chat(apiKey);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("x-ratelimit-remaining-node-seconds")).toBe("0");
    resolve();
    await first.text();
    expect((await chat(apiKey)).status).toBe(429);
  });
});

describe("a key", () => {
  it("sees and uses the models of its list only", async () => {
    const { apiKey } = await limited({}, { models: ["qwen*"] });
    const listed = await request("/v1/models", { headers: bearer(apiKey) });
    expect((await listed.json<{ data: { id: string }[] }>()).data.map(({ id }) => id)).toEqual(["qwen3-4b"]);
    expect((await request("/v1/models/starter", { headers: bearer(apiKey) })).status).toBe(404);
    const streams = await opened(async () => {
      expect(await errorOf(await chat(apiKey))).toMatchObject({ code: "model_not_found" });
      const embedding = await send(apiKey, "POST", "/v1/embeddings", { model: "vectors", input: "a" });
      expect(embedding.status).toBe(404);
    });
    expect(streams).toBe(0);
    expect((await chat(apiKey, { model: "qwen3-4b" })).status).toBe(200);
  });

  it("names itself and its priority to the agent, whatever the client says", async () => {
    const { id, apiKey } = await limited({}, { priority: "low" });
    const { promise: seen, resolve } = Promise.withResolvers<unknown>();
    answer = async (asked, stream, signal) => {
      resolve(asked);
      await saying("ok")(asked, stream, signal);
    };
    await chat(apiKey, { user: "somebody else" });
    expect(await seen).toMatchObject({ caller: id, priority: "low" });
    for (const body of [{ caller: "x" }, { priority: "high" }]) {
      expect((await errorOf(await chat(apiKey, body))).code).toBe("unknown_parameter");
    }
  });

  it("that is revoked loses what it runs, and starts nothing more", async () => {
    const { id, apiKey } = await limited({});
    const { promise: stopped, resolve } = Promise.withResolvers<unknown>();
    answer = async (_asked, stream, signal) => {
      signal.addEventListener("abort", () => resolve(signal.reason));
      await writeEvents(stream, { type: "text", text: "x" });
    };
    const response = await chat(apiKey, { stream: true });
    await send(owner.apiKey, "DELETE", `/api/keys/${id}`);
    expect(await stopped).toMatchObject({ code: "invalid_api_key" });
    expect(await response.text()).toContain("invalid_api_key");
    expect((await chat(apiKey)).status).toBe(401);
  });
});

describe("usage", () => {
  it("is counted by key, model and day, errors too", async () => {
    const { id, apiKey } = await limited({});
    await (await chat(apiKey)).text();
    await (await chat(apiKey, { model: "qwen3-4b" })).text();
    await (await send(apiKey, "POST", "/v1/embeddings", { model: "vectors", input: ["a"] })).text();
    answer = async (_asked, stream) => {
      await writeEvents(stream, { type: "error", error: { code: "context_length_exceeded", message: "too long" } });
      stream.end();
    };
    await (await chat(apiKey)).text();
    // What nobody has leaves no trace: a client could fill the table with names.
    await chat(apiKey, { model: "invented" });
    const day = new Date().toISOString().slice(0, 10);
    await expect.poll(async () => (await usage(id)).map(({ model }) => model)).toHaveLength(3);
    await expect
      .poll(() => usage(id))
      .toMatchObject([
        {
          day,
          model: "qwen3-4b",
          requests: 1,
          promptTokens: 3,
          completionTokens: 1,
          errors: 0,
          source: { kind: "key" },
        },
        { day, model: "starter", requests: 2, promptTokens: 3, completionTokens: 1, errors: 1 },
        { day, model: "vectors", requests: 1, promptTokens: 5, completionTokens: 0, errors: 0 },
      ]);
  });

  it("is everybody's for the owner, and one's own for everybody else", async () => {
    const member = await insertUser(owner.accountId, "member");
    const theirs = await insertKey(owner.accountId, "admin", member);
    const { apiKey: owners } = await limited({});
    for (const apiKey of [theirs, owners]) await (await chat(apiKey)).text();
    const seenBy = async (apiKey: string) => {
      const response = await request("/api/usage", { headers: bearer(apiKey) });
      const { usage: rows } = await response.json<{ usage: { source: { name: string } }[] }>();
      return new Set(rows.map(({ source }) => source.name));
    };
    await expect.poll(() => seenBy(theirs)).toEqual(new Set(["test"]));
    await expect.poll(() => seenBy(owner.apiKey)).toEqual(new Set(["test", "limited"]));
    const nobody = await insertKey(owner.accountId, "usage:read", await insertUser(owner.accountId, "viewer"));
    expect(await seenBy(nobody)).toEqual(new Set());
  });

  it.each([
    "from=yesterday",
    "from=2026-01-02&to=2026-01-01",
    "from=2020-01-01&to=2026-01-01",
    "from=2020-01-01",
    "from=9999-12-31",
    "key=1",
  ])("refuses the range %s", async (query) => {
    expect((await request(`/api/usage?${query}`, { headers: bearer(owner.apiKey) })).status).toBe(400);
  });
});

describe("a range of usage", () => {
  const range = async (query: string) => {
    const { from, to } = await (await request(`/api/usage?${query}`, { headers: bearer(owner.apiKey) })).json<{
      from: string;
      to: string;
    }>();
    return [from, to];
  };
  const ago = (days: number) => new Date(Date.now() - days * 24 * 3600_000).toISOString().slice(0, 10);

  it("of which one end is given ends today, or is 30 days long", async () => {
    expect(await range("")).toEqual([ago(29), ago(0)]);
    expect(await range(`from=${ago(399)}`)).toEqual([ago(399), ago(0)]);
    expect(await range("to=2024-03-30")).toEqual(["2024-03-01", "2024-03-30"]);
  });
});
