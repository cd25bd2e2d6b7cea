import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { traceSchema } from "../../edge/home/sessions/context/trace.ts";
import { referenceFolder } from "../support/embedding-vectors.ts";
import { startStack, type TestStack } from "../support/stack.ts";

const TURNS = 60;
const FACT = "My cat Pixel was born in Lisbon.";
const turnSchema = z.object({
  state: z.string(),
  messages: z.array(z.object({ content: z.string() })),
  trace: traceSchema,
});
const sessionSchema = z.object({ id: z.string(), turnCount: z.number() });

const searchSchema = z.object({
  hits: z.array(z.object({ sessionId: z.string(), index: z.number().nullable(), by: z.string(), snippet: z.string() })),
  meaning: z.boolean(),
});

let stack: TestStack;

beforeAll(async () => {
  stack = await startStack({ vectors: referenceFolder("bert-mean") });
});
afterAll(async () => {
  await stack?.stop();
});

async function call(path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };
  const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  return await fetch(stack.origin + path, init);
}

/** The real Worker, agent and starter model. It is too small to answer from what it is told: what counts is what it was told. */
it("holds a conversation of 60 turns, and brings a fact of turn 3 back at turn 50", { timeout: 240_000 }, async () => {
  const { id } = sessionSchema.parse(await (await call("/api/sessions", {})).json());
  for (let n = 0; n < TURNS; n++) {
    const usual = `Hello ${n}! What is subject${n}?`;
    const content = n === 3 ? FACT : n === 50 ? "Where was my cat Pixel born?" : usual;
    const isStreamed = n % 2 === 0;
    const said = await call(`/api/sessions/${id}/turns`, {
      content,
      max_tokens: 16,
      temperature: 0,
      stream: isStreamed,
    });
    const text = await said.text();
    expect(said.status, text).toBe(200);
    expect(text).toContain(isStreamed ? "data: [DONE]" : '"object":"chat.completion"');
  }
  const turns: z.infer<typeof turnSchema>[] = [];
  for (let n = 0; n < TURNS; n++) {
    turns.push(turnSchema.parse(await (await call(`/api/sessions/${id}/turns/${n}`)).json()));
  }
  for (const [index, { state, messages, trace }] of turns.entries()) {
    expect(state).toBe("complete");
    expect(messages[1]?.content, `turn ${index}`).toEqual(expect.any(String));
    expect(trace.window).toMatchObject({ set: 8, turns: 8, to: index });
    expect(trace.window.from).toBeGreaterThanOrEqual(Math.max(0, index - 8));
  }
  const asked = turns[50]?.trace;
  console.log(`trace of turn 50: ${JSON.stringify(asked)}\nanswer: ${turns[50]?.messages[1]?.content}`);
  expect(asked?.retrieval).toMatchObject({ decision: "needed" });
  expect(asked?.retrieval.pieces.find(({ index }) => index === 3)?.text).toContain(FACT);
  expect(asked?.summary).toMatchObject({ upTo: expect.any(Number), text: expect.stringMatching(/\S/) });
  expect(asked?.summary?.upTo).toBeGreaterThan(3);
  expect(sessionSchema.parse(await (await call(`/api/sessions/${id}`)).json()).turnCount).toBe(TURNS);
});

/** An embedding model's path from the turn to the hit; its weights are of chance, so that only what is written alike is alike. */
it("finds a turn by its vector, whose words are others", async () => {
  const { id } = sessionSchema.parse(await (await call("/api/sessions", {})).json());
  const said = await call(`/api/sessions/${id}/turns`, { content: "My red bicycles stand outside", max_tokens: 4 });
  expect(said.status, await said.text()).toBe(200);
  const search = async () =>
    searchSchema.parse(await (await call("/api/sessions/search?q=My%20red%20bicycle%20standing%20outside")).json());
  const hit = { sessionId: id, index: 0, by: "meaning", snippet: expect.stringContaining("bicycles") as string };
  await expect
    .poll(search, { timeout: 30_000 })
    .toEqual({ hits: expect.arrayContaining([hit]) as unknown, meaning: true });
});
