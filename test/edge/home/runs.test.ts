import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { ControlMessage } from "../../../shared/protocol/messages.ts";
import { type Answer, type Identity, pair, STARTER, TestAgent, writeEvents } from "../support/agent.ts";
import { chat, dataOf, modelOnline, textOf } from "../support/chat.ts";
import { bearer, errorOf, insertKey, type Owner, request, setUp } from "../support/edge.ts";

const END: GenerateEvent[] = [
  { type: "usage", promptTokens: 3, completionTokens: 4 },
  { type: "finish", reason: "stop" },
];

let owner: Owner;
let identity: Identity;
const agents: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await modelOnline(owner.apiKey, "starter", false);
});

const home = () => env.HOME.getByName(owner.accountId);
const words = (...texts: string[]): GenerateEvent[] => texts.map((text, n) => ({ type: "text", text, tokens: [n] }));

/** A machine that keeps runs, and on connecting has these. */
async function connect(
  answer: Answer,
  kept: Extract<ControlMessage, { type: "runs" }>["runs"] = [],
): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer, [STARTER], undefined, ["runs"]);
  agents.push(agent);
  agent.session.control({ type: "runs", runs: kept });
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

/** Reads a stream until it has said so much, and gives its id and the rest. */
async function begin(response: Response, characters: number) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (textOf(dataOf(text)).length < characters) text += (await reader?.read())?.value ?? "";
  const id = /"id":"([^"]+)"/.exec(text)?.[1] ?? "";
  const last = Number([...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1]);
  const rest = async (): Promise<string> => {
    for (;;) {
      const result = await reader?.read();
      if (result === undefined || result.done) return text;
      text += result.value;
    }
  };
  return { id, last, rest, leave: () => reader?.cancel() };
}

const goOn = (id: string, query = "?stream=true", key = owner.apiKey): Promise<Response> =>
  request(`/v1/chat/completions/${id}${query}`, { headers: bearer(key) });

it("asks a machine that comes back for the lines that are missing", async () => {
  const first = await connect((_asked, stream) => writeEvents(stream, ...words("a", "b")));
  const streamed = await begin(await chat(owner.apiKey, { stream: true }), 2);
  const run = first.streams[0]?.header.requestId ?? "";
  first.close(1001);
  await first.closed;
  const second = await connect(
    async (_asked, stream) => {
      await writeEvents(stream, ...words("c"), ...END);
      stream.end();
    },
    [{ id: run, first: 0, next: 3, ended: false }],
  );
  expect(textOf(dataOf(await streamed.rest()))).toBe("abc");
  expect(second.streams[0]?.header).toEqual({ kind: "resume", requestId: run, from: 2 });
});

it("has a machine that lost the run go on behind its tokens", async () => {
  const first = await connect((_asked, stream) => writeEvents(stream, ...words("a", "bc")));
  const streamed = await begin(await chat(owner.apiKey, { stream: true, seed: 4 }), 3);
  first.close(1001);
  await first.closed;
  const asked = Promise.withResolvers<unknown>();
  const second = await connect(async (again, stream) => {
    asked.resolve(again);
    await writeEvents(stream, ...words("d"), ...END);
    stream.end();
  });
  expect(await asked.promise).toMatchObject({
    sampling: { seed: 4 },
    resume: { tokens: [0, 1], skip: { characters: 3, toolCalls: 0 } },
  });
  expect(second.streams[0]?.header).toMatchObject({ kind: "generate", first: 2 });
  expect(textOf(dataOf(await streamed.rest()))).toBe("abcd");
});

it("gives a client the rest behind the last event it has, and nobody else", async () => {
  const { promise: more, resolve } = Promise.withResolvers<void>();
  await connect(async (_asked, stream) => {
    await writeEvents(stream, ...words("a", "b"));
    await more;
    await writeEvents(stream, ...words("c", "d"), ...END);
    stream.end();
  });
  const streamed = await begin(await chat(owner.apiKey, { stream: true }), 2);
  const rest = goOn(streamed.id, `?stream=true&starting_after=${streamed.last}`);
  resolve();
  expect(textOf(dataOf(await (await rest).text()))).toBe("cd");
  const whole = await streamed.rest();
  expect(await (await goOn(streamed.id)).text()).toBe(whole);
  expect(await (await goOn(streamed.id, "")).json()).toMatchObject({ choices: [{ message: { content: "abcd" } }] });
  const other = await insertKey(owner.accountId, "inference");
  expect((await goOn(streamed.id, "?stream=true", other)).status).toBe(404);
  expect((await goOn("chatcmpl-none")).status).toBe(404);
  expect((await errorOf(await goOn(streamed.id, "?stream=true&starting_after=-1"))).code).toBe("invalid_request");
});

it("gives a client the rest of each of several choices, and stops them all by the answer's id", async () => {
  const more = Promise.withResolvers<void>();
  const stopped: unknown[] = [];
  let asked = 0;
  const agent = await connect(async (_asked, stream, signal) => {
    signal.addEventListener("abort", () => void stopped.push(signal.reason));
    const mine = ["a", "A", "x", "X"][asked++] ?? "";
    await writeEvents(stream, ...words(...mine.repeat(3).split("")));
    if (asked > 2) return;
    await more.promise;
    await writeEvents(stream, ...words(mine), ...END);
    stream.end();
  });
  const streamed = await begin(
    await chat(owner.apiKey, { stream: true, n: 2, stream_options: { include_usage: true } }),
    6,
  );
  more.resolve();
  const events = (await streamed.rest()).split("\n\n").filter((event) => event.startsWith("id: "));
  // From every point on, in whatever order the two come: nothing is missing, nothing comes twice.
  const chunks = (text: string) => [...text.matchAll(/^data: (.*"choices":\[\{.*)$/gm)].map(([, chunk = ""]) => chunk);
  const whole = chunks(events.join("\n\n")).toSorted();
  expect(whole).toHaveLength(12);
  for (let has = 1; has <= events.length; has += 3) {
    const [, last = ""] = /^id: (\d+\.\d+)$/m.exec(events[has - 1] ?? "") ?? [];
    const rest = await (await goOn(streamed.id, `?stream=true&starting_after=${last}`)).text();
    const all = [...chunks(events.slice(0, has).join("\n\n")), ...chunks(rest)];
    expect(all.toSorted()).toEqual(whole);
    expect(rest).toMatch(/"choices":\[\],"usage":\{[^]*\[DONE\]/);
  }
  expect(await (await goOn(streamed.id, "")).json()).toMatchObject({
    choices: [{ message: { content: "aaaa" } }, { message: { content: "AAAA" } }],
    usage: { prompt_tokens: 3, completion_tokens: 8 },
  });
  const foreign = await goOn(streamed.id, "?stream=true&starting_after=3");
  expect(await errorOf(foreign)).toMatchObject({ code: "invalid_request", param: "starting_after" });
  expect((await goOn(`${streamed.id}.1`)).status).toBe(400);
  const second = await begin(await chat(owner.apiKey, { stream: true, n: 2 }), 6);
  const cancel = `/v1/chat/completions/${second.id}/cancel`;
  expect((await request(cancel, { method: "POST", headers: bearer(owner.apiKey) })).status).toBe(200);
  await expect.poll(() => stopped).toMatchObject([{ code: "cancelled" }, { code: "cancelled" }]);
  expect(agent.streams).toHaveLength(4);
});

it("tells also a client that has more of an answer than there is why it failed", async () => {
  await connect(async (_asked, stream) => {
    const error = { code: "context_length_exceeded", message: "as the test has it" } as const;
    await writeEvents(stream, ...words("a"), { type: "error", error });
    stream.end();
  });
  const streamed = await begin(await chat(owner.apiKey, { stream: true }), 1);
  await streamed.rest();
  const ahead = await (await goOn(streamed.id, "?stream=true&starting_after=100")).text();
  expect(ahead).toContain("context_length_exceeded");
  expect(ahead).not.toContain('"content":"a"');
});

it("does not give up a run that only stood in line each time its machine's model died", async () => {
  let asked = 0;
  await connect(async (_asked, stream) => {
    asked += 1;
    await writeEvents(stream, { type: "progress", stage: "queued", promptTokens: 3 });
    const error = { code: "engine_crashed", message: "as the test has it" } as const;
    await writeEvents(stream, ...(asked <= 7 ? [{ type: "error", error } as const] : [...words("a"), ...END]));
    stream.end();
  });
  const answer = await chat(owner.apiKey, { stream: true });
  expect(textOf(dataOf(await answer.text()))).toBe("a");
  expect(asked).toBe(8);
}, 15_000);

it("stops a run whose client leaves, keeps one that was asked to be kept, and stops that by its id", async () => {
  const reasons: unknown[] = [];
  await connect(async (_asked, stream, signal) => {
    signal.addEventListener("abort", () => void reasons.push(signal.reason));
    await writeEvents(stream, ...words("a"));
  });
  const left = await begin(await chat(owner.apiKey, { stream: true }), 1);
  await left.leave();
  await expect.poll(() => reasons).toMatchObject([{ code: "cancelled" }]);
  const body = JSON.stringify({ model: "starter", messages: [{ role: "user", content: "x" }], stream: true });
  const headers = { ...bearer(owner.apiKey), "content-type": "application/json", "porchlight-keep": "yes" };
  const kept = await begin(await request("/v1/chat/completions", { method: "POST", headers, body }), 1);
  await kept.leave();
  const again = await begin(await goOn(kept.id), 1);
  expect(reasons).toHaveLength(1);
  const stop = (key: string): Promise<Response> =>
    request(`/v1/chat/completions/${kept.id}/cancel`, { method: "POST", headers: bearer(key) });
  expect((await stop(await insertKey(owner.accountId, "inference"))).status).toBe(404);
  expect((await stop(owner.apiKey)).status).toBe(200);
  await expect.poll(() => reasons).toMatchObject([{ code: "cancelled" }, { code: "cancelled" }]);
  expect(await again.rest()).toContain("cancelled");
  expect((await goOn(kept.id)).status).toBe(404);
});

it("tells a machine to stop what nobody wants", async () => {
  const agent = await connect(async () => undefined, [{ id: "run-unknown", first: 0, next: 5, ended: false }]);
  await expect.poll(() => agent.control).toContainEqual({ type: "cancel", run: "run-unknown" });
});

it("finds a kept run again after an eviction, writes it down, and forgets it after ten minutes", async () => {
  const agent = await connect(async (_asked, stream) => {
    await writeEvents(stream, ...words("a", "b"), ...END);
    stream.end();
  });
  const body = JSON.stringify({ model: "starter", messages: [{ role: "user", content: "x" }], stream: true });
  const headers = { ...bearer(owner.apiKey), "content-type": "application/json", "porchlight-keep": "yes" };
  const kept = await begin(await request("/v1/chat/completions", { method: "POST", headers, body }), 2);
  const whole = await kept.rest();
  await expect.poll(() => agent.control).toContainEqual({ type: "ack", run: kept.id, next: 4 });
  await evictDurableObject(home());
  expect(await (await goOn(kept.id)).text()).toBe(whole);
  const rows = () =>
    runInDurableObject(home(), (_instance, { storage }) => [
      storage.sql.exec("SELECT count(*) AS n FROM runs WHERE id = ?", kept.id).one()["n"],
      storage.sql.exec("SELECT count(*) AS n FROM run_pieces WHERE run = ?", kept.id).one()["n"],
    ]);
  expect(await rows()).toEqual([1, 1]);
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 11 * 60_000);
  try {
    await runDurableObjectAlarm(home());
  } finally {
    vi.restoreAllMocks();
  }
  expect(await rows()).toEqual([0, 0]);
  expect((await goOn(kept.id)).status).toBe(404);
});

/** Puts a run into the object's storage as if an object before this one had. */
async function writeDown(id: string, record: string): Promise<void> {
  await runInDurableObject(home(), (_instance, { storage }) => {
    const sql = "INSERT INTO runs (id, record, created_at, body) VALUES (?, ?, ?, ?)";
    storage.sql.exec(sql, id, record, Date.now(), new ArrayBuffer(2));
  });
}

it.each(["{}", "no json"])("starts with a run that it cannot read, and drops it: %s", async (record) => {
  await writeDown("run-unread", record);
  await evictDurableObject(home());
  const left = await runInDurableObject(home(), (_instance, { storage }) =>
    storage.sql.exec("SELECT id FROM runs WHERE id = 'run-unread'").toArray(),
  );
  expect(left).toEqual([]);
});

it("ends a run of a key that is revoked before anybody asks for it again", async () => {
  const agent = await connect(async () => undefined);
  const caller = {
    id: "key-of-before",
    version: 0,
    limits: { requestsPerMinute: null, tokensPerDay: null, nodeSecondsPerDay: null },
  };
  const record = {
    caller,
    model: "starter",
    note: "",
    kept: false,
    owner: "client",
    replay: false,
    agentId: identity.agentId,
  };
  await writeDown("run-of-before", JSON.stringify(record));
  await evictDurableObject(home());
  await home().keyRevoked("key-of-before");
  await expect.poll(() => agent.control).toContainEqual({ type: "cancel", run: "run-of-before" });
});
