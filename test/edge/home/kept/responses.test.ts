import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { KeptDesk } from "../../../../edge/home/kept/desk.ts";
import { KEPT_LIMITS } from "../../../../edge/home/kept/limits.ts";
import { RESPONSES } from "../../../../shared/api/openai/kept/records.ts";
import { RUNS_FEATURE } from "../../../../shared/protocol/handshake.ts";
import { type Answer, type Identity, pair, saying, TestAgent, writeEvents } from "../../support/agent.ts";
import { modelOnline } from "../../support/chat.ts";
import { errorOf, insertKey, type Owner, setUp } from "../../support/edge.ts";
import { ResponsesClient, type ShownList, textOf } from "../../support/responses-client.ts";

let owner: Owner;
let identity: Identity;
let client: ResponsesClient;
const connected: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
  client = new ResponsesClient(owner.apiKey);
  await connect(saying("x"));
});

afterEach(async () => {
  for (const agent of connected.splice(0)) {
    await expect.poll(() => agent.session.streamCount).toBe(0);
    agent.close();
  }
  await modelOnline(owner.apiKey, "starter", false);
});

async function connect(answer: Answer): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer, undefined, undefined, [RUNS_FEATURE]);
  connected.push(agent);
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

/** Answers with how it was asked. */
const echoing: Answer = async (asked, stream, signal) => {
  await saying(asked.messages.map(({ role, content }) => `${role}:${content}`).join("|"))(asked, stream, signal);
};

/** Says a piece, waits until it may go on, says the other. */
function halting(): { answer: Answer; goOn: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answer: Answer = async (asked, stream, signal) => {
    await writeEvents(stream, { type: "text", text: "Half 🏠 " });
    await promise;
    await saying("and half.")(asked, stream, signal);
  };
  return { answer, goOn: resolve };
}

const ended = async (id: string) => {
  await expect
    .poll(async () => (await client.retrieve(id)).status, { timeout: 8_000 })
    .not.toMatch(/^(?:queued|in_progress)$/);
  return await client.retrieve(id);
};

/** Which of a request's parameters is refused. */
const refusal = async (body: object) =>
  (await errorOf(await client.send("POST", "/responses", { model: "starter", input: "x", ...body }))).param;

const statusOf = async (id: string, from = client) => (await from.send("GET", `/responses/${id}`)).status;

describe("a kept response", () => {
  it("is gone on with, listed, read by its caller alone and forgotten, over lives of the object", async () => {
    await connect(echoing);
    const first = await client.create({ input: "one" });
    const home = env.HOME.getByName(owner.accountId);
    await runInDurableObject(home, (_home, state) => state.abort("again")).catch(() => undefined);
    await modelOnline(owner.apiKey, "starter", false);
    await connect(echoing);
    const second = await client.create({ input: "two", previous_response_id: first.id });
    expect(textOf(second)).toBe("user:one|assistant:user:one|user:two");
    const { data } = await client.take<ShownList>("GET", `/responses/${second.id}/input_items`);
    expect(data).toMatchObject([{ type: "message", role: "user", content: [{ type: "input_text", text: "two" }] }]);
    const other = new ResponsesClient(await insertKey(owner.accountId, "inference"));
    expect(await statusOf(second.id, other)).toBe(404);
    expect(await client.retrieve(second.id)).toEqual(second);
    await client.take("DELETE", `/responses/${second.id}`);
    expect(await statusOf(second.id)).toBe(404);
  });

  it("goes on with its stream behind any event, when its client has come back", async () => {
    const { answer, goOn } = halting();
    await connect(answer);
    const left = new AbortController();
    const init = { headers: { "porchlight-keep": "yes" }, signal: left.signal };
    const asked = await client.send("POST", "/responses", { model: "starter", input: "x", stream: true }, init);
    let id = "";
    let last = -1;
    let text = "";
    for await (const event of client.events(asked)) {
      last = event.sequence_number;
      id ||= event.response?.id ?? "";
      text += event.delta ?? "";
      if (text !== "") break;
    }
    left.abort();
    goOn();
    const types: string[] = [];
    for await (const event of client.goOn(id, last)) {
      expect(event.sequence_number).toBeGreaterThan(last);
      types.push(event.type);
      text += event.delta ?? "";
    }
    expect([text, types.at(-1)]).toEqual(["Half 🏠 and half.", "response.completed"]);
    const kept = await client.retrieve(id);
    expect([kept.status, textOf(kept)]).toEqual(["completed", text]);
  });
});

describe("in the background", () => {
  it("waits for a machine, and is there when its client asks", async () => {
    const asked = await client.create({ input: "one", background: true });
    expect(asked).toMatchObject({ status: "queued", background: true, output: [] });
    expect(await client.retrieve(asked.id)).toMatchObject({ status: "queued" });
    expect(await refusal({ previous_response_id: asked.id })).toBe("previous_response_id");
    await connect(echoing);
    const answered = await ended(asked.id);
    expect([answered.id, answered.status, textOf(answered)]).toEqual([asked.id, "completed", "user:one"]);
    const next = await client.create({ input: "x", previous_response_id: asked.id });
    expect(textOf(next)).toBe("user:one|assistant:user:one|user:x");
  });

  it("streams from its start, and again from anywhere, with the same numbers however its pieces came", async () => {
    const { answer, goOn } = halting();
    const body = { model: "starter", input: "one", background: true, stream: true };
    const types: string[] = [];
    const seen: { number: number; delta: string }[] = [];
    let id = "";
    for await (const event of client.events(await client.send("POST", "/responses", body))) {
      types.push(event.type);
      id ||= event.response?.id ?? "";
      if (event.type === "response.queued") await connect(answer);
      if (event.delta === undefined) continue;
      seen.push({ number: event.sequence_number, delta: event.delta });
      goOn();
    }
    expect(types.slice(0, 3)).toEqual(["response.created", "response.queued", "response.in_progress"]);
    expect(types.at(-1)).toBe("response.completed");
    expect(seen.length).toBeGreaterThan(1);
    expect((await ended(id)).status).toBe("completed");
    for (const { number } of seen) {
      let rest = "";
      for await (const { delta } of client.goOn(id, number)) rest += delta ?? "";
      const later = seen.filter((one) => one.number > number).map(({ delta }) => delta);
      expect(rest).toBe(later.join(""));
    }
  });

  it("is cancelled, fails with a reason, and is refused where it could not be kept", async () => {
    const waiting = await client.create({ input: "x", background: true });
    const cancelled = await client.take("POST", `/responses/${waiting.id}/cancel`);
    expect(cancelled).toMatchObject({ id: waiting.id, status: "cancelled" });
    expect(await client.retrieve(waiting.id)).toMatchObject({ status: "cancelled", output: [] });
    await connect(async (_request, stream) => {
      const error = { code: "invalid_request" as const, message: "No such thing." };
      await writeEvents(stream, { type: "error", error });
      stream.end();
    });
    const failing = await client.create({ input: "x", background: true });
    expect(await ended(failing.id)).toMatchObject({ status: "failed", error: { code: "invalid_request" } });
    expect(await refusal({ background: true, store: false })).toBe("store");
  });
});

describe("a conversation", () => {
  it("is gone on with, kept in order, changed and forgotten", async () => {
    await connect(echoing);
    const { id } = await client.take("POST", "/conversations", {
      items: [{ role: "user", content: "zero" }],
      metadata: { about: "porches" },
    });
    const first = await client.create({ input: "one", conversation: id });
    expect(first).toMatchObject({ conversation: { id } });
    expect(textOf(first)).toBe("user:zero|user:one");
    const body = { model: "starter", input: "two", conversation: { id }, stream: true };
    let streamed = "";
    for await (const { delta } of client.events(await client.send("POST", "/responses", body))) streamed += delta ?? "";
    expect(streamed).toBe("user:zero|user:one|assistant:user:zero|user:one|user:two");
    const items = async (query: string) => await client.take<ShownList>("GET", `/conversations/${id}/items?${query}`);
    const page = await items("order=asc&limit=3");
    expect(page.data.map(({ role }) => role)).toEqual(["user", "user", "assistant"]);
    expect(page.has_more).toBe(true);
    const rest = await items(`order=asc&after=${page.last_id}`);
    expect([rest.data.map(({ role }) => role), rest.has_more]).toEqual([["user", "assistant"], false]);
    const item = page.data[1]?.id ?? "";
    expect(await client.take("GET", `/conversations/${id}/items/${item}`)).toMatchObject({ id: item, role: "user" });
    await client.take("DELETE", `/conversations/${id}/items/${item}`);
    expect((await items("")).data).toHaveLength(4);
    const changed = await client.take("POST", `/conversations/${id}`, { metadata: { a: "b" } });
    expect(changed).toMatchObject({ id, metadata: { a: "b" } });
    await client.take("DELETE", `/conversations/${id}`);
    expect((await client.send("GET", `/conversations/${id}`)).status).toBe(404);
    expect(await refusal({ conversation: id })).toBe("conversation");
  });
});

describe("what is kept", () => {
  it("leaves after its time and with its caller; the oldest responses make room, and nothing else", async () => {
    await runInDurableObject(env.HOME.getByName("kept"), (_home, { storage }) => {
      let nowMs = 1_000;
      const desk = new KeptDesk({
        sql: storage.sql,
        transaction: (step) => storage.transactionSync(step),
        onChange: () => undefined,
        now: () => nowMs,
        limits: { ...KEPT_LIMITS, bytesPerCaller: 3_000_000, keptMs: 10_000 },
      });
      const text = "é".repeat(700_000);
      expect(desk.put("ann", RESPONSES, [{ id: "resp_1", text }])).toEqual({ made: null });
      expect(desk.get("ann", "resp_1")).toBe(text);
      expect(desk.get("ben", "resp_1")).toBeUndefined();
      desk.put("ben", RESPONSES, [{ id: "resp_1", text: "b" }]);
      desk.put("ann", "conv_1", [{ id: "item", text: "small" }]);
      desk.put("ann", RESPONSES, [
        { id: "resp_2", text },
        { id: "resp_3", text },
      ]);
      expect(["resp_1", "resp_2", "resp_3", "item"].map((id) => desk.get("ann", id) !== undefined)).toEqual([
        false,
        true,
        true,
        true,
      ]);
      expect(desk.put("ann", "conv_1", [{ id: "large", text: "x".repeat(3_100_000) }])).toMatchObject({
        error: { code: "records_full" },
      });
      expect(desk.get("ann", "large")).toBeUndefined();
      expect(desk.get("ann", "resp_3")).toBe(text);
      expect(desk.delete("ann", "conv_1")).toBe(false);
      expect(desk.get("ann", "item")).toBeUndefined();
      desk.callerGone("ann");
      expect([desk.get("ann", "resp_3"), desk.get("ben", "resp_1")]).toEqual([undefined, "b"]);
      nowMs = desk.nextAtMs() ?? 0;
      desk.tick();
      expect([desk.get("ben", "resp_1"), desk.nextAtMs()]).toEqual([undefined, undefined]);
    });
  });
});
