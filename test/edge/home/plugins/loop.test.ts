import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { z } from "zod";
import type { tracedTurnSchema } from "../../../../edge/routes/session-turns-schema.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { type Answer, type Identity, pair, STARTER, TestAgent } from "../../support/agent.ts";
import { dataOf, modelOnline, textOf } from "../../support/chat.ts";
import { bearer, type Owner, postJson, request, setUp } from "../../support/edge.ts";
import { calling, inRounds, telling, TestTools } from "./tools.ts";

const MODEL = { ...STARTER, contextLength: 8192 };
type Traced = z.infer<typeof tracedTurnSchema>;

let owner: Owner;
let identity: Identity;
let tools: TestTools;
const agents: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});
beforeEach(() => {
  tools = new TestTools();
});
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close();
  await modelOnline(owner.apiKey, "starter", false);
  vi.restoreAllMocks();
});

async function connect(answer: Answer): Promise<TestAgent> {
  const agent = await TestAgent.connect(identity, answer, [MODEL], undefined, ["runs"]);
  agents.push(agent);
  agent.session.control({ type: "runs", runs: [] });
  await modelOnline(owner.apiKey, "starter");
  return agent;
}

async function begin(settings: object = { plugins: "*" }): Promise<string> {
  const made = await postJson("/api/sessions", { settings }, bearer(owner.apiKey));
  expect(made.status).toBe(201);
  return (await made.json<{ id: string }>()).id;
}

const say = (id: string, content: string, more: object = {}): Promise<Response> =>
  postJson(`/api/sessions/${id}/turns`, { content, ...more }, bearer(owner.apiKey));

async function traced(id: string, index: number): Promise<Traced> {
  const response = await request(`/api/sessions/${id}/turns/${index}`, { headers: bearer(owner.apiKey) });
  expect(response.status).toBe(200);
  return await response.json<Traced>();
}

const adds = { properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] } as const;

it("calls what the model asks for, and tells it what came of it", async () => {
  const asked: GenerateRequest[] = [];
  tools.set("sum__add", (input) => (input as { a: number; b: number }).a + (input as { a: number; b: number }).b, {
    input: { type: "object", ...adds },
  });
  await connect(
    inRounds(
      asked,
      calling(["sum__add", { a: 1, b: 2 }], ["sum__add", { a: 3, b: 4 }]),
      telling("3 [1]", " and 7 [2]."),
    ),
  );
  const id = await begin();
  const response = await say(id, "What is 1 + 2, and 3 + 4?", {
    stream: true,
    stream_options: { include_usage: true },
  });
  const data = dataOf(await response.text());
  expect(textOf(data)).toBe("3 [1] and 7 [2].");
  const chunks = data.slice(0, -1).map((one) => JSON.parse(one));
  const steps = chunks.flatMap(({ porchlight }) => porchlight ?? []);
  expect(steps.map(({ step }) => step)).toEqual(["call", "call", "round", "result", "result"]);
  expect(chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])).toEqual([]);
  expect(chunks.at(-1).usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 7 });
  expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(["stop"]);

  expect(asked).toHaveLength(2);
  expect(asked[0]?.tools?.map(({ name }) => name)).toEqual(["sum__add"]);
  const told = asked[1]?.messages.slice(-3) ?? [];
  expect(told[0]).toMatchObject({ role: "assistant", toolCalls: [{ name: "sum__add" }, { name: "sum__add" }] });
  expect(told[1]).toMatchObject({
    role: "tool",
    content: expect.stringMatching(/^Source \[\d\]: @test\/sum 1\.0\.0, sum__add\..*\n3$/u),
  });
  expect(told[2]).toMatchObject({ role: "tool", content: expect.stringMatching(/\n7$/u) });
  expect(tools.calls).toMatchObject([
    { userId: expect.any(String), tool: "sum__add", input: { a: 1, b: 2 }, place: { sessionId: id, index: 0 } },
    { input: { a: 3, b: 4 } },
  ]);

  const turn = await traced(id, 0);
  expect(turn.state).toBe("complete");
  expect(turn.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool", "assistant"]);
  expect(turn.trace?.tools).toMatchObject({
    offered: ["sum__add"],
    calls: [
      { round: 0, ok: true, cited: true, record: tools.calls[0]?.id, source: { number: 1 } },
      { round: 0, ok: true, cited: true, record: tools.calls[1]?.id, source: { number: 2 } },
    ],
  });
  expect(turn.trace?.tainted).toBeUndefined();
});
