import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it } from "vitest";
import type { z } from "zod";
import type { tracedTurnSchema } from "../../../../edge/routes/session-turns-schema.ts";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { type Answer, type Identity, pair, saying, STARTER, TestAgent, writeEvents } from "../../support/agent.ts";
import { dataOf, modelOnline, textOf } from "../../support/chat.ts";
import { bearer, errorOf, insertKey, type Owner, postJson, request, setUp } from "../../support/edge.ts";
import { failing, listening, rambling } from "./turn-answers.ts";
import { writeTurns } from "./write-turns.ts";

const MODEL = { ...STARTER, contextLength: 8192 };
const END: GenerateEvent[] = [
  { type: "usage", promptTokens: 3, completionTokens: 4 },
  { type: "finish", reason: "stop" },
];

type Traced = z.infer<typeof tracedTurnSchema>;

let owner: Owner;
let identity: Identity;
let agents: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});
afterEach(async () => {
  for (const agent of agents) agent.close();
  agents = [];
  await modelOnline(owner.apiKey, "starter", false);
});

const home = () => env.HOME.getByName(owner.accountId);
const words = (...texts: string[]): GenerateEvent[] => texts.map((text, n) => ({ type: "text", text, tokens: [n] }));

async function connect(answer: Answer, kept: string[] = [], model = MODEL): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer, [model], undefined, ["runs"]);
  agents.push(agent);
  agent.session.control({ type: "runs", runs: kept.map((id) => ({ id, first: 0, next: 3, ended: false })) });
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

async function begin(body: object = {}): Promise<string> {
  const made = await postJson("/api/sessions", body, bearer(owner.apiKey));
  expect(made.status).toBe(201);
  return (await made.json<{ id: string }>()).id;
}

const say = (id: string, content: string, more: object = {}, headers: object = {}): Promise<Response> =>
  postJson(`/api/sessions/${id}/turns`, { content, ...more }, { ...bearer(owner.apiKey), ...headers });

async function traced(id: string, index: number): Promise<Traced> {
  const response = await request(`/api/sessions/${id}/turns/${index}`, { headers: bearer(owner.apiKey) });
  expect(response.status).toBe(200);
  return await response.json<Traced>();
}

const ended = async (id: string, index: number): Promise<Traced> => {
  await expect.poll(async () => (await traced(id, index)).state).not.toBe("answering");
  return await traced(id, index);
};

const write = (id: string, questions: string[], answer = (n: number) => `Noted, number ${n}.`): Promise<void> =>
  writeTurns(
    owner.accountId,
    id,
    questions.map((content, n) => {
      const messages = [
        { role: "user" as const, content },
        { role: "assistant" as const, content: answer(n) },
      ];
      return { createdAtMs: Date.now(), messages, model: "starter", state: "complete" as const };
    }),
  );

it("sends the last 8 turns, and brings a fact of turn 3 back when it is asked for at turn 50", async () => {
  const asked: GenerateRequest[] = [];
  await connect(listening(asked));
  const id = await begin();
  await write(
    id,
    rambling(48).map((usual, n) => (n === 3 ? "My cat Pixel was born in Lisbon." : usual)),
  );
  for (const [n, content] of ["How are you?", "Tell me about subject49.", "Where was my cat Pixel born?"].entries()) {
    const response = await say(id, content);
    expect(response.status).toBe(200);
    expect(response.headers.get("porchlight-turn")).toBe(String(48 + n));
  }
  const { trace, state } = await traced(id, 50);
  if (trace === null) throw new Error("no trace");
  expect(state).toBe("complete");
  expect(trace.window).toEqual({ set: 8, turns: 8, from: 42, to: 50, withoutRoom: 0 });
  expect(trace.retrieval).toMatchObject({ decision: "needed", pieces: [{ index: 3 }] });
  expect(trace.summary?.upTo).toBe(42);
  const sent = asked[2]?.messages ?? [];
  expect(sent).toHaveLength(1 + 2 * 8 + 1);
  expect(sent[0]?.role).toBe("system");
  expect(sent[0]?.content).toContain("[turn 4]\nUser: My cat Pixel was born in Lisbon.");
  expect(sent[0]?.content).toContain(trace.summary?.text);
  expect(sent[1]?.content).toBe("Tell me about subject42 and the weather on day42.");
  // The others ask for nothing that is not there.
  expect((await traced(id, 49)).trace?.retrieval).toMatchObject({ decision: "not_needed", pieces: [] });
});

it("takes the window from request, session, person and configuration, in this order", async () => {
  const asked: GenerateRequest[] = [];
  await connect(listening(asked));
  const id = await begin();
  await write(id, rambling(20));
  const sentTurns = async (more: object = {}): Promise<number> => {
    expect((await say(id, "Go on.", { retrieval: "off", summary: "off", ...more })).status).toBe(200);
    return ((asked.at(-1)?.messages.length ?? 0) - 1) / 2;
  };
  const put = async (path: string, method: string, body: object): Promise<void> => {
    const headers = { ...bearer(owner.apiKey), "content-type": "application/json" };
    expect((await request(path, { method, headers, body: JSON.stringify(body) })).status).toBe(200);
  };
  expect(await sentTurns()).toBe(8);
  await put("/api/session-settings", "PUT", { window: 5 });
  expect(await sentTurns()).toBe(5);
  await put(`/api/sessions/${id}`, "PATCH", { settings: { window: 3, instructions: "Be brief." } });
  expect(await sentTurns({ instructions: "" })).toBe(3);
  expect(await sentTurns({ window: 12, instructions: "" })).toBe(12);
  await say(id, "Once more.", { summary: "off", retrieval: "off" });
  expect(asked.at(-1)?.messages[0]).toEqual({ role: "system", content: "Be brief." });
  await put("/api/session-settings", "PUT", {});
});

it("leaves whole turns out where the context is small, and takes more where it is large", async () => {
  const asked: GenerateRequest[] = [];
  await connect(listening(asked), [], { ...MODEL, contextLength: 512 });
  const id = await begin();
  await write(id, rambling(40), (n) => `Subject ${n}. ${"It rained, and then it did not. ".repeat(6)}`);
  await say(id, "Go on.", { retrieval: "off", summary: "off" });
  const small = (await traced(id, 40)).trace?.window ?? { from: 0, withoutRoom: 0 };
  expect(small.withoutRoom).toBeGreaterThan(0);
  expect(small.from).toBe(32 + small.withoutRoom);
  expect(asked[0]?.messages[0]).toEqual({ role: "user", content: rambling(40)[small.from] });
  agents.pop()?.close();
  await modelOnline(owner.apiKey, "starter", false);
  await connect(listening(asked), [], { ...MODEL, contextLength: 32_768 });
  await say(id, "Go on.", { retrieval: "off", summary: "off" });
  expect((await traced(id, 41)).trace?.window).toMatchObject({ set: 8, turns: 32, from: 9 });
});

it("asks again with fewer turns when the machine finds the prompt too long", async () => {
  const counts: number[] = [];
  await connect(async (one, stream, signal) => {
    counts.push(one.messages.filter(({ role }) => role === "user").length);
    if (counts.length < 4) {
      return await failing("context_length_exceeded")(one, stream, signal);
    }
    await saying("short")(one, stream, signal);
  });
  const id = await begin();
  await write(id, rambling(10));
  const response = await say(id, "Go on.", { stream: true });
  expect(textOf(dataOf(await response.text()))).toBe("short");
  expect(counts).toEqual([9, 5, 3, 2]);
  expect((await ended(id, 10)).trace).toMatchObject({ shortened: 3, window: { from: 9, withoutRoom: 7 } });
});

it("says so when even the question alone is too long", async () => {
  let asked = 0;
  await connect(async (one, stream, signal) => {
    asked += 1;
    await failing("context_length_exceeded")(one, stream, signal);
  });
  const id = await begin();
  await write(id, rambling(2));
  expect(await errorOf(await say(id, "Go on."))).toMatchObject({ code: "context_length_exceeded" });
  expect(asked).toBe(3);
  expect(await ended(id, 2)).toMatchObject({ state: "failed", error: { code: "context_length_exceeded" } });
});

it("writes a turn down whose client has left", async () => {
  const { promise: more, resolve } = Promise.withResolvers<void>();
  await connect(async (_one, stream) => {
    await writeEvents(stream, ...words("a", "b"));
    await more;
    await writeEvents(stream, ...words("c"), ...END);
    stream.end();
  });
  const id = await begin();
  const response = await say(id, "Hello?", { stream: true });
  await response.body?.cancel();
  expect(await errorOf(await say(id, "And now?"))).toMatchObject({ code: "session_busy" });
  resolve();
  const turn = await ended(id, 0);
  expect(turn).toMatchObject({ state: "complete", usage: { completionTokens: 4 } });
  expect(turn.messages).toEqual([
    { role: "user", content: "Hello?" },
    { role: "assistant", content: "abc" },
  ]);
  const session = await request(`/api/sessions/${id}`, { headers: bearer(owner.apiKey) });
  expect(await session.json()).toMatchObject({ title: "Hello?", turnCount: 1 });
  // Whoever comes back has it from the start.
  const again = await request(`/v1/chat/completions/${turn.runId}?stream=true`, { headers: bearer(owner.apiKey) });
  expect(textOf(dataOf(await again.text()))).toBe("abc");
});

it("keeps what had come of an answer that is cancelled", async () => {
  await connect(async (_one, stream) => await writeEvents(stream, ...words("a", "b")));
  const id = await begin();
  const response = await say(id, "Hello?", { stream: true });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (textOf(dataOf(text)).length < 2) text += (await reader?.read())?.value ?? "";
  const { runId } = await traced(id, 0);
  const stopped = await postJson(`/v1/chat/completions/${runId}/cancel`, {}, bearer(owner.apiKey));
  expect(stopped.status).toBe(200);
  expect(await ended(id, 0)).toMatchObject({
    state: "cancelled",
    messages: [{ role: "user" }, { role: "assistant", content: "ab" }],
    error: null,
  });
});

it("finishes a turn over a crash of the object", async () => {
  const first = await connect(async (_one, stream) => await writeEvents(stream, ...words("a", "b")));
  const id = await begin();
  const response = await say(id, "Hello?", { stream: true });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (textOf(dataOf(text)).length < 2) text += (await reader?.read())?.value ?? "";
  const { runId } = await traced(id, 0);
  await runInDurableObject(home(), (_home, state) => state.abort("crash")).catch(() => undefined);
  await first.closed;
  await connect(
    async (_one, stream) => {
      await writeEvents(
        stream,
        ...words("a", "b", "c").slice("from" in stream.header ? stream.header.from : 0),
        ...END,
      );
      stream.end();
    },
    [runId ?? ""],
  );
  const turn = await ended(id, 0);
  expect(turn).toMatchObject({
    state: "complete",
    messages: [{ role: "user" }, { role: "assistant", content: "abc" }],
  });
});

it("marks a turn failed of which an earlier life left no run", async () => {
  await connect(saying("yes"));
  const id = await begin();
  const messages = [{ role: "user" as const, content: "Hello?" }];
  const turn = { createdAtMs: 1, messages, model: "starter", state: "answering" as const, runId: "chatcmpl-lost" };
  await writeTurns(owner.accountId, id, [turn]);
  expect(await errorOf(await say(id, "And now?"))).toMatchObject({ code: "session_busy" });
  await runInDurableObject(home(), (_home, state) => state.abort("crash")).catch(() => undefined);
  agents.pop();
  expect(await ended(id, 0)).toMatchObject({ state: "failed", error: { code: "edge_restarting" } });
  await connect(saying("yes"));
  expect((await say(id, "And now?")).status).toBe(200);
});

it("answers the last question again, and takes a repeated request for what it is", async () => {
  const asked: GenerateRequest[] = [];
  let answers = 0;
  await connect(async (one, stream, signal) => {
    asked.push(one);
    await saying(`answer ${answers++}`)(one, stream, signal);
  });
  const id = await begin();
  await say(id, "One?");
  const name = { "porchlight-answer-id": `chatcmpl-${"a".repeat(32)}` };
  const first = await say(id, "Two?", {}, name);
  const again = await say(id, "Two?", {}, name);
  expect(await again.json()).toEqual(await first.json());
  expect(asked).toHaveLength(2);
  const other = await postJson(`/api/sessions/${id}/regenerate`, { temperature: 1 }, bearer(owner.apiKey));
  expect(other.headers.get("porchlight-turn")).toBe("1");
  expect(await other.json()).toMatchObject({ choices: [{ message: { content: "answer 2" } }] });
  expect(asked[2]).toMatchObject({ sampling: { temperature: 1 }, messages: asked[1]?.messages });
  expect(await ended(id, 1)).toMatchObject({ messages: [{ content: "Two?" }, { content: "answer 2" }] });
});

it("stops what answers a conversation that is deleted", async () => {
  const stopped = Promise.withResolvers<void>();
  await connect(async (_one, stream, signal) => {
    signal.addEventListener("abort", () => stopped.resolve());
    await writeEvents(stream, ...words("a"));
  });
  const id = await begin();
  const response = await say(id, "Hello?", { stream: true });
  const gone = await request(`/api/sessions/${id}`, { method: "DELETE", headers: bearer(owner.apiKey) });
  expect(gone.status).toBe(204);
  await stopped.promise;
  await response.body?.cancel();
});

it("keeps what a message asks to have remembered, and sends it with the next", async () => {
  const asked: GenerateRequest[] = [];
  await connect(listening(asked));
  await say(await begin(), "Remember that I am vegan.");
  const id = await begin();
  await say(id, "What shall I cook?");
  expect(asked[1]?.messages[0]?.content).toContain("I am vegan");
  expect((await traced(id, 0)).trace?.facts).toContain("I am vegan");
  await say(id, "And now?", { memory: "off" });
  expect(asked[2]?.messages[0]).toMatchObject({ role: "user" });
});

it("refuses keys without the scope for models, other people's conversations and bodies that are no turn", async () => {
  const id = await begin();
  const sessionsOnly = await insertKey(owner.accountId, "sessions");
  const refused = await postJson(`/api/sessions/${id}/turns`, { content: "Hello?" }, bearer(sessionsOnly));
  expect(await errorOf(refused)).toMatchObject({ code: "forbidden" });
  for (const body of [
    {},
    { content: "" },
    { content: 1 },
    { content: "x", messages: [] },
    { content: "x", window: 0 },
  ]) {
    const response = await postJson(`/api/sessions/${id}/turns`, body, bearer(owner.apiKey));
    expect(response.status).toBe(400);
  }
  const nowhere = await say(`ses_${"0".repeat(26)}`, "Hello?");
  expect(await errorOf(nowhere)).toMatchObject({ code: "not_found" });
  const nobody = await say(id, "Hello?");
  expect(await errorOf(nobody)).toMatchObject({ code: "agent_offline" });
  const session = await request(`/api/sessions/${id}`, { headers: bearer(owner.apiKey) });
  expect(await session.json()).toMatchObject({ turnCount: 0 });
});

it("has a model that can sum up do so in the background, and takes sentences where it fails", async () => {
  const able = { ...MODEL, parameters: 7_000_000_000 };
  const asked: GenerateRequest[] = [];
  let summaries = 0;
  await connect(
    async (one, stream, signal) => {
      const isSummary = one.messages[0]?.content.startsWith("Write down in short") === true;
      if (!isSummary) return await saying("yes")(one, stream, signal);
      asked.push(one);
      summaries += 1;
      if (summaries === 1) return await saying("They spoke of ", "subjects.")(one, stream, signal);
      await failing("internal")(one, stream, signal);
    },
    [],
    able,
  );
  const id = await begin();
  const summary = async (): Promise<{ text: string; upTo: number } | null> => {
    const session = await request(`/api/sessions/${id}`, { headers: bearer(owner.apiKey) });
    return (await session.json<{ summary: { text: string; upTo: number } | null }>()).summary;
  };
  await write(id, rambling(11));
  await say(id, "Go on.");
  await expect.poll(summary).toEqual({ text: "They spoke of subjects.", upTo: 4 });
  expect(asked[0]).toMatchObject({ priority: "low", maxTokens: 400, sampling: { temperature: 0 } });
  expect(asked[0]?.messages[1]?.content).toContain("user: Tell me about subject3");
  expect(asked[0]?.messages[1]?.content).not.toContain("subject4");
  await write(id, rambling(3));
  await say(id, "Go on.");
  await expect.poll(async () => (await summary())?.upTo).toBe(8);
  expect(asked[1]?.messages[1]?.content).toContain("Summary so far:\nThey spoke of subjects.");
  expect((await summary())?.text).toContain("subject");
  // It goes along from now on.
  await say(id, "Go on.");
  expect((await traced(id, 16)).trace?.summary?.upTo).toBe(8);
});
