import { describe, expect, it } from "vitest";
import { chatChunkSchema, chatCompletionSchema } from "../../../shared/api/openai/chat-response.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import { apiOver, ask, FINISH, payloadsOf, yielding } from "./support.ts";

const HELLO: GenerateEvent[] = [
  { type: "progress", stage: "queued" },
  { type: "progress", stage: "prefill", fraction: 0.5 },
  { type: "text", text: "Hel" },
  { type: "text", text: "lo" },
  ...FINISH,
];
const USAGE = {
  prompt_tokens: 7,
  completion_tokens: 2,
  total_tokens: 9,
  prompt_tokens_details: { cached_tokens: 4 },
};
const CALLS: GenerateEvent[] = [
  { type: "tool_call", index: 0, call: { id: "call_a", name: "weather", arguments: '{"city":"Kyiv"}' } },
  { type: "tool_call", index: 1, call: { id: "call_b", name: "time", arguments: "{}" } },
  { type: "usage", promptTokens: 1, completionTokens: 1 },
  { type: "finish", reason: "tool_calls" },
];

async function whole(...events: GenerateEvent[]): Promise<Record<string, unknown>> {
  const response = await ask(apiOver(yielding(...events)), {});
  expect(response.status).toBe(200);
  const body: unknown = await response.json();
  return chatCompletionSchema.strict().parse(body);
}

async function streamed(events: GenerateEvent[], body: Record<string, unknown> = {}): Promise<unknown[]> {
  const response = await ask(apiOver(yielding(...events)), { stream: true, ...body });
  expect(response.status).toBe(200);
  const payloads = payloadsOf(await response.text());
  expect(payloads.pop()).toBe("[DONE]");
  return payloads.map((payload) => JSON.parse(payload) as unknown);
}

describe("a whole answer", () => {
  it("has exactly OpenAI's shape", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { id, created, ...rest } = await whole(...HELLO);
    expect(id).toMatch(/^chatcmpl-[0-9a-f]{32}$/);
    expect(created).toBeGreaterThanOrEqual(before);
    expect(rest).toEqual({
      object: "chat.completion",
      model: "starter",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: USAGE,
    });
  });

  it("with tool calls has no content, unless there is some", async () => {
    const tool_calls = [
      { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Kyiv"}' } },
      { id: "call_b", type: "function", function: { name: "time", arguments: "{}" } },
    ];
    expect(await whole(...CALLS)).toMatchObject({
      choices: [{ message: { role: "assistant", content: null, tool_calls }, finish_reason: "tool_calls" }],
    });
    expect(await whole({ type: "text", text: "Let me see." }, ...CALLS)).toMatchObject({
      choices: [{ message: { content: "Let me see.", tool_calls } }],
    });
  });

  it("may be empty, and may be cut by length", async () => {
    expect(await whole({ type: "finish", reason: "length" })).toMatchObject({
      choices: [{ message: { content: "" }, finish_reason: "length" }],
      usage: { total_tokens: 0 },
    });
  });
});

describe("a streamed answer", () => {
  const chunk = (choice: object) => ({
    id: expect.stringMatching(/^chatcmpl-/),
    object: "chat.completion.chunk",
    created: expect.any(Number),
    model: "starter",
    choices: [{ index: 0, logprobs: null, finish_reason: null, ...choice }],
  });

  it("has exactly OpenAI's chunks", async () => {
    const chunks = await streamed(HELLO);
    expect(chunks).toEqual([
      chunk({ delta: { role: "assistant", content: "", refusal: null } }),
      chunk({ delta: { content: "Hel" } }),
      chunk({ delta: { content: "lo" } }),
      chunk({ delta: {}, finish_reason: "stop" }),
    ]);
    expect(new Set(chunks.map((one) => chatChunkSchema.parse(one).id)).size).toBe(1);
  });

  it("has null usage on every chunk but one more at the end, if asked", async () => {
    const chunks = await streamed(HELLO, { stream_options: { include_usage: true } });
    const last = chunks.pop();
    expect(last).toEqual({ ...chunk({}), choices: [], usage: USAGE });
    expect(chunks).toHaveLength(4);
    for (const one of chunks) expect(one).toMatchObject({ usage: null });
  });

  it("has tool calls by index", async () => {
    const [, first, second, end] = await streamed(CALLS);
    const call = (index: number, id: string, name: string, args: string) =>
      chunk({ delta: { tool_calls: [{ index, id, type: "function", function: { name, arguments: args } }] } });
    expect(first).toEqual(call(0, "call_a", "weather", '{"city":"Kyiv"}'));
    expect(second).toEqual(call(1, "call_b", "time", "{}"));
    expect(end).toEqual(chunk({ delta: {}, finish_reason: "tool_calls" }));
  });

  it("equals the whole answer, whatever the text holds", async () => {
    const texts = ['"quoted"', "line\nbreak\r\n\r\n", "\u2028\u2029", "data: [DONE]\n\n", "🏠\u0000\\", "</script>"];
    const events = [...texts.map((text): GenerateEvent => ({ type: "text", text })), ...FINISH];
    const chunks = (await streamed(events)).map((one) => chatChunkSchema.parse(one));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(texts.join(""));
    expect(await whole(...events)).toMatchObject({ choices: [{ message: { content: texts.join("") } }] });
  });

  it("names its model whatever the name holds", async () => {
    const response = await ask(apiOver(yielding(...HELLO)), { stream: true, model: 'a"b\\c\nd/é' });
    for (const payload of payloadsOf(await response.text()).slice(0, -1)) {
      expect(JSON.parse(payload)).toMatchObject({ model: 'a"b\\c\nd/é' });
    }
  });
});

describe("an answer that fails", () => {
  const crash: GenerateEvent = { type: "error", error: { code: "engine_crashed", message: "It crashed." } };
  const body = { error: { message: "It crashed.", type: "server_error", param: null, code: "engine_crashed" } };

  it("before its first token is an HTTP status, streamed or not", async () => {
    for (const stream of [true, false]) {
      const response = await ask(apiOver(yielding({ type: "progress", stage: "loading" }, crash)), { stream });
      expect(response.status).toBe(500);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toEqual(body);
    }
  });

  it("carries Retry-After in whole seconds", async () => {
    const error = { code: "overloaded" as const, message: "Busy.", retryAfterMs: 1200 };
    const response = await ask(apiOver(yielding({ type: "error", error })), {});
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("2");
  });

  it("after it is an event, then [DONE]", async () => {
    expect((await streamed([{ type: "text", text: "a" }, crash])).at(-1)).toEqual(body);
  });

  it("whole is a status even after the first token", async () => {
    const response = await ask(apiOver(yielding({ type: "text", text: "a" }, crash)), {});
    expect(response.status).toBe(500);
  });

  it("without an end, or with a throw, is internal and says nothing of why", async () => {
    const endless = await streamed([{ type: "text", text: "a" }]);
    expect(endless.at(-1)).toMatchObject({ error: { code: "internal" } });
    const api = apiOver(async function* generate() {
      yield { type: "text", text: "a" };
      throw new Error("secret");
    });
    const text = await (await ask(api, { stream: true })).text();
    expect(text).not.toContain("secret");
    expect(payloadsOf(text).at(-1)).toBe("[DONE]");
    expect(payloadsOf(text).at(-2)).toContain('"code":"internal"');
  });
});
