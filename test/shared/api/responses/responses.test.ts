import OpenAI, { APIError, NotFoundError } from "openai";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createInferenceApi } from "../../../../shared/api/inference-api.ts";
import { createMemoryRecords } from "../../../../shared/api/openai/kept/memory-records.ts";
import type { KeptRecords } from "../../../../shared/api/openai/kept/records.ts";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import { type GenerateRequest, generateRequestSchema } from "../../../../shared/inference/request.ts";
import { noEmbeddings } from "../../../support/no-embeddings.ts";
import { type Generate, MODEL, yielding } from "../support.ts";

const CALL: GenerateEvent = {
  type: "tool_call",
  index: 0,
  call: { id: "call_1", name: "weather", arguments: '{"city":"Kyiv"}' },
};
const USAGE: GenerateEvent = {
  type: "usage",
  promptTokens: 7,
  completionTokens: 5,
  cachedTokens: 4,
  reasoningTokens: 2,
};
const ANSWER: GenerateEvent[] = [
  { type: "reasoning", text: "Hm, " },
  { type: "reasoning", text: "look." },
  { type: "text", text: "Größe: " },
  { type: "text", text: "🏠" },
  CALL,
  USAGE,
  { type: "finish", reason: "tool_calls" },
];
const SHORT: GenerateEvent[] = [{ type: "text", text: "Yes." }, USAGE, { type: "finish", reason: "stop" }];

const apiOver = (generate: Generate, records?: KeptRecords) =>
  createInferenceApi({
    backend: () => ({ listModels: async () => [MODEL], generate, embed: noEmbeddings }),
    ...(records ? { responses: { records: () => records } } : {}),
  });

const clientOver = (generate: Generate, records?: KeptRecords): OpenAI => {
  const api = apiOver(generate, records);
  return new OpenAI({
    apiKey: "key",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: async (url, init) => await api.request(new Request(url, init)),
  });
};

const post = async (body: object, generate: Generate = yielding(...SHORT)) =>
  await apiOver(generate).request("/v1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", input: "hi", ...body }),
  });

async function canonical(body: object): Promise<GenerateRequest> {
  let seen: GenerateRequest | undefined;
  const response = await post(body, async function* generate(request) {
    seen = request;
    yield* SHORT;
  });
  expect(await response.json()).toMatchObject({ object: "response", status: "completed" });
  return generateRequestSchema.strict().parse(seen);
}

afterEach(() => {
  vi.useRealTimers();
});

describe("a body", () => {
  it("becomes the canonical request", async () => {
    const schema = { type: "object", properties: {} };
    expect(
      await canonical({
        instructions: "Be kind.",
        input: [
          { role: "developer", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "input_text", text: "Hi " },
              { type: "input_text", text: "there" },
            ],
          },
          { type: "reasoning", id: "rs_1", summary: [], content: [{ type: "reasoning_text", text: "Hm." }] },
          {
            type: "message",
            role: "assistant",
            content: [{ type: "output_text", text: "Let me look.", annotations: [] }],
          },
          { type: "function_call", call_id: "c1", name: "weather", arguments: "{}" },
          { type: "function_call_output", call_id: "c1", output: "sun" },
        ],
        tools: [{ type: "function", name: "weather", parameters: schema, strict: true }],
        tool_choice: { type: "function", name: "weather" },
        parallel_tool_calls: false,
        text: { format: { type: "json_schema", name: "x", schema } },
        reasoning: { effort: "low", summary: "auto" },
        temperature: 0.5,
        top_p: 0.9,
        max_output_tokens: 9,
        include: ["message.output_text.logprobs"],
        top_logprobs: 2,
        metadata: { a: "b" },
      }),
    ).toEqual({
      model: "m",
      messages: [
        { role: "system", content: "Be kind." },
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi there" },
        {
          role: "assistant",
          content: "Let me look.",
          reasoning: "Hm.",
          toolCalls: [{ id: "c1", name: "weather", arguments: "{}" }],
        },
        { role: "tool", toolCallId: "c1", content: "sun" },
      ],
      tools: [{ name: "weather", parameters: schema, strict: true }],
      toolChoice: { name: "weather" },
      parallelToolCalls: false,
      responseFormat: { type: "json_schema", schema },
      reasoning: { enabled: true, maxTokens: 2048 },
      sampling: { temperature: 0.5, topP: 0.9 },
      topLogprobs: 2,
      maxTokens: 9,
    });
  });

  it.each<[string, object]>([
    ["input[0].content[0]", { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] }],
    ["input[0]", { input: [{ type: "item_reference", id: "x" }] }],
    ["tools[0]", { tools: [{ type: "web_search" }] }],
    ["background", { background: true }],
    ["truncation", { truncation: "auto", background: true }],
    ["conversation", { conversation: "conv_1" }],
    ["prompt", { prompt: { id: "x" } }],
    ["text.verbosity", { text: { verbosity: "low" } }],
    ["include[0]", { include: ["file_search_call.results"] }],
    ["store", { store: true }],
    ["previous_response_id", { previous_response_id: "resp_1" }],
  ])("is refused by the name of what cannot be honoured: %s", async (param, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "unsupported_parameter", param } });
  });

  it.each<[string, string, object]>([
    ["unknown_parameter", "inputs", { inputs: "x" }],
    ["invalid_request", "input[0].call_id", { input: [{ type: "function_call_output", call_id: "x", output: "" }] }],
    ["invalid_request", "tool_choice", { tool_choice: "required" }],
  ])("is %s: %s", async (code, param, body) => {
    expect(await (await post(body)).json()).toMatchObject({ error: { code, param } });
  });
});

describe("an answer", () => {
  it("is a response", async () => {
    const response = await clientOver(yielding(...ANSWER)).responses.create({ model: "m", input: "hi" });
    expect(response).toMatchObject({
      id: expect.stringMatching(/^resp_\w{32}$/),
      status: "completed",
      output_text: "Größe: 🏠",
      store: false,
      usage: {
        input_tokens: 7,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 12,
      },
    });
    expect(response.output).toMatchObject([
      { type: "reasoning", status: "completed", content: [{ type: "reasoning_text", text: "Hm, look." }] },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "Größe: 🏠", annotations: [] }] },
      { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Kyiv"}', status: "completed" },
    ]);
  });

  it("that was cut is incomplete", async () => {
    const cut: GenerateEvent[] = [{ type: "text", text: "Ye" }, USAGE, { type: "finish", reason: "length" }];
    for (const stream of [false, true]) {
      const client = clientOver(yielding(...cut));
      const response = stream
        ? await client.responses.stream({ model: "m", input: "hi" }).finalResponse()
        : await client.responses.create({ model: "m", input: "hi" });
      expect(response).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
    }
  });

  it("streams events in OpenAI's order, whose numbers count the characters of its text", async () => {
    const text = await (await post({ stream: true }, yielding(...ANSWER))).text();
    const events = text
      .split("\n\n")
      .slice(0, -1)
      .map((block) => {
        const [, event, data = ""] = /^event: ([\w.]+)\ndata: (.*)$/.exec(block) ?? [];
        const payload = JSON.parse(data) as { type: string; sequence_number: number; delta?: string }; // checked right below
        expect(payload.type).toBe(event);
        return payload;
      });
    let count = -1;
    for (const { type, sequence_number, delta = "" } of events) {
      count += type.endsWith("text.delta") ? delta.length : 1;
      expect(sequence_number).toBe(count);
    }
    const item = (kind: string, deltas: number) => [
      "output_item.added",
      "content_part.added",
      ...Array.from({ length: deltas }, () => `${kind}.delta`),
      `${kind}.done`,
      "content_part.done",
      "output_item.done",
    ];
    expect(events.map(({ type }) => type)).toEqual(
      [
        "created",
        "in_progress",
        ...item("reasoning_text", 2),
        ...item("output_text", 2),
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
      ].map((name) => `response.${name}`),
    );
  });

  it("is the same streamed as whole, by the SDK's own reading, wherever it is cut between its chunks", async () => {
    const bytes = new Uint8Array(await (await post({ stream: true }, yielding(...ANSWER))).arrayBuffer());
    const whole = await clientOver(yielding(...ANSWER)).responses.create({ model: "m", input: "hi" });
    const strip = ({ output, usage, status }: OpenAI.Responses.Response) => ({
      status,
      usage,
      output: output.map((item) => ({ ...item, id: "" })),
    });
    // Not at each: the stream is long, and the SDK takes its time. The step shares no factor with the length of anything in it.
    for (let cut = 1; cut < bytes.length; cut += 61) {
      const client = clientOfBytes([bytes.slice(0, cut), bytes.slice(cut)]);
      const streamed = await client.responses.stream({ model: "m", input: "hi" }).finalResponse();
      expect(strip(streamed)).toMatchObject(strip(whole));
    }
  });
});

function clientOfBytes(chunks: readonly Uint8Array<ArrayBuffer>[]): OpenAI {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const headers = { "content-type": "text/event-stream" };
  return new OpenAI({ apiKey: "key", maxRetries: 0, fetch: async () => new Response(body, { headers }) });
}

describe("an error", () => {
  it("in the middle of a stream is thrown by the SDK", async () => {
    const error: GenerateEvent = { type: "error", error: { code: "engine_crashed", message: "It crashed." } };
    const client = clientOver(yielding({ type: "text", text: "half" }, error));
    const stream = await client.responses.create({ model: "m", input: "hi", stream: true });
    const reading = (async () => {
      for await (const { type } of stream) expect(type).not.toBe("response.completed");
    })();
    await expect(reading).rejects.toBeInstanceOf(APIError);
    await expect(reading).rejects.toMatchObject({ code: "engine_crashed" });
    await expect(client.responses.stream({ model: "m", input: "hi" }).finalResponse()).rejects.toThrow();
  });

  it("before it is a status", async () => {
    const missing: GenerateEvent = { type: "error", error: { code: "model_not_found", message: "No." } };
    const asking = clientOver(yielding(missing)).responses.create({ model: "m", input: "hi", stream: true });
    await expect(asking).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe("a conversation that is kept", () => {
  it("goes on from any of its answers, and may be read and forgotten", async () => {
    const seen: GenerateRequest[] = [];
    const client = clientOver(async function* generate(request) {
      seen.push(request);
      yield* seen.length === 1 ? ANSWER : SHORT;
    }, createMemoryRecords());
    const first = await client.responses.create({ model: "m", input: "one", instructions: "Only now." });
    const output = { type: "function_call_output" as const, call_id: "call_1", output: "sun" };
    const go = { model: "m", previous_response_id: first.id };
    const second = await client.responses.stream({ ...go, input: [output] }).finalResponse();
    await client.responses.create({ ...go, previous_response_id: second.id, input: "three" });
    expect(seen.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ["system", "user"],
      ["user", "assistant", "tool"],
      ["user", "assistant", "tool", "assistant", "user"],
    ]);
    expect(seen[2]?.messages[1]).toMatchObject({
      content: "Größe: 🏠",
      reasoning: "Hm, look.",
      toolCalls: [{ id: "call_1" }],
    });
    expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, store: true, status: "completed" });
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(client.responses.create({ ...go, input: "x" })).rejects.toMatchObject({
      param: "previous_response_id",
    });
    const { id } = await client.responses.create({ model: "m", input: "x", store: false });
    await expect(client.responses.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
  });

  it("leaves when its hour is over, when others come, or when there is too much", async () => {
    vi.useFakeTimers();
    const records = createMemoryRecords({ keptMs: 1000, records: 3, characters: 6000 });
    const client = clientOver(yielding(...SHORT), records);
    const ask = async (input = "x") => (await client.responses.create({ model: "m", input })).id;
    const areKept = async (ids: string[]) =>
      await Promise.all(ids.map(async (id) => (await records.get(id)) !== undefined));
    const ids = [await ask(), await ask(), await ask(), await ask()];
    expect(await areKept(ids)).toEqual([false, true, true, true]);
    const large = await ask("y".repeat(4000));
    expect(await areKept([...ids, large])).toEqual([false, false, false, false, true]);
    await expect(records.put("other", [{ id: "x", text: "z".repeat(7000) }])).rejects.toMatchObject({
      code: "records_full",
    });
    vi.advanceTimersByTime(1001);
    expect(await areKept([large])).toEqual([false]);
  });
});
