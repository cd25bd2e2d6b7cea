import { Ollama } from "ollama";
import { describe, expect, it } from "vitest";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import { type GenerateRequest, generateRequestSchema } from "../../../../shared/inference/request.ts";
import { type Api, apiOver, FINISH, type Generate, yielding } from "../support.ts";

const text = (value: string): GenerateEvent => ({ type: "text", text: value });
const CALL: GenerateEvent = {
  type: "tool_call",
  index: 0,
  call: { id: "call_9", name: "weather", arguments: '{"city":"Kyiv"}' },
};
const USAGE: GenerateEvent = { type: "usage", promptTokens: 7, completionTokens: 2, promptMs: 3.5, completionMs: 0.25 };
const STOP: GenerateEvent = { type: "finish", reason: "stop" };
const QUESTION = { model: "starter", messages: [{ role: "user", content: "hello" }] };

const clientOf = (api: Api): Ollama =>
  new Ollama({ host: "http://localhost", fetch: async (url, init) => await api.request(new Request(url, init)) });

const post = async (path: string, body: object, generate: Generate = yielding(...FINISH)) =>
  await apiOver(generate).request(path, { method: "POST", body: JSON.stringify(body) });

async function canonical(path: "/api/chat" | "/api/generate", body: object): Promise<GenerateRequest> {
  let seen: GenerateRequest | undefined;
  const response = await post(path, { model: "starter", stream: false, ...body }, async function* generate(request) {
    seen = request;
    yield* FINISH;
  });
  expect(await response.json()).toMatchObject({ model: "starter", done: true });
  return generateRequestSchema.strict().parse(seen);
}

const chat = async (body: object) => await canonical("/api/chat", { messages: QUESTION.messages, ...body });

function linesOf(ndjson: string): unknown[] {
  const lines = ndjson.split("\n");
  expect(lines.pop()).toBe("");
  return lines.map((line) => JSON.parse(line) as unknown);
}

describe("a body", () => {
  it("becomes the canonical request, whatever its content type is", async () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    expect(
      await chat({
        model: "starter:latest",
        tools: [{ type: "function", function: { name: "weather", description: "The weather", parameters: schema } }],
        format: schema,
        keep_alive: "1h30m",
        logprobs: true,
        top_logprobs: 3,
        think: false,
        something_new: 1,
        options: {
          num_ctx: 4096,
          num_gpu: 99,
          num_predict: 9,
          temperature: 0,
          top_k: 40,
          top_p: 0.9,
          min_p: 0.05,
          repeat_penalty: 1.1,
          presence_penalty: 1,
          frequency_penalty: 0.5,
          seed: 7,
          stop: ["a", "b"],
          mirostat: 0,
          no_such_option: true,
        },
      }),
    ).toEqual({
      model: "starter",
      messages: QUESTION.messages,
      tools: [{ name: "weather", description: "The weather", parameters: schema }],
      responseFormat: { type: "json_schema", schema },
      reasoning: { enabled: false },
      keepAliveMs: 5_400_000,
      topLogprobs: 3,
      maxTokens: 9,
      stop: ["a", "b"],
      sampling: {
        temperature: 0,
        topK: 40,
        topP: 0.9,
        minP: 0.05,
        repetitionPenalty: 1.1,
        presencePenalty: 1,
        frequencyPenalty: 0.5,
        seed: 7,
      },
    });
    expect((await chat({ format: "json" })).responseFormat).toEqual({ type: "json" });
    expect(await chat({ format: "", options: { num_predict: -1, repeat_last_n: 0, repeat_penalty: 2 } })).toEqual({
      ...QUESTION,
      maxTokens: 1_000_000,
      sampling: {},
    });
  });

  it("of a question is a conversation", async () => {
    expect((await canonical("/api/generate", { prompt: "hi", system: "Be brief.", context: [] })).messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
    ]);
    expect(await canonical("/api/generate", { prompt: "hi", raw: true })).toMatchObject({ messages: [], prompt: "hi" });
  });

  it.each<[unknown, number]>([
    ["5m", 300_000],
    [30, 30_000],
    ["30", 30_000],
    [0, 0],
    ["0s", 0],
    [-1, -1],
    ["-1m", -1],
    ["250ms", 250],
    ["9999999h", 2 ** 31 - 1],
  ])("keeps the model for %j", async (keep_alive, keepAliveMs) => {
    expect((await chat({ keep_alive })).keepAliveMs).toBe(keepAliveMs);
  });

  it("finds the call that a result answers by id, by name, else by order", async () => {
    const call = (name: string, id?: string) => ({ ...(id ? { id } : {}), function: { name, arguments: { a: 1 } } });
    const { messages } = await chat({
      messages: [
        { role: "assistant", content: "", tool_calls: [call("x"), call("y"), call("x"), call("z", "mine")] },
        { role: "tool", content: "third", tool_call_id: "mine" },
        { role: "tool", content: "second", tool_name: "y" },
        { role: "tool", content: "first" },
        { role: "tool", content: "other", tool_name: "x" },
      ],
    });
    const [asked, ...results] = messages;
    const ids = asked?.role === "assistant" ? (asked.toolCalls ?? []).map(({ id }) => id) : [];
    expect(new Set(ids).size).toBe(4);
    expect(results).toEqual(
      [3, 1, 0, 2].map((index, place) => ({
        role: "tool",
        toolCallId: ids[index],
        content: ["third", "second", "first", "other"][place],
      })),
    );
  });
});

describe("what cannot be honoured", () => {
  const messages = (more: object) => ({ messages: [{ role: "user", content: "x", ...more }] });
  it.each<[string, string, object]>([
    ["messages[0].images", "/api/chat", messages({ images: ["aGk="] })],
    ["images", "/api/generate", { prompt: "x", images: ["aGk="] }],
    ["options.mirostat", "/api/chat", { ...messages({}), options: { mirostat: 2 } }],
    ["options.typical_p", "/api/chat", { ...messages({}), options: { typical_p: 0.5 } }],
    ["options.repeat_last_n", "/api/chat", { ...messages({}), options: { repeat_last_n: 64 } }],
    ["suffix", "/api/generate", { prompt: "x", suffix: "y" }],
    ["template", "/api/generate", { prompt: "x", template: "{{ .Prompt }}" }],
    ["context", "/api/generate", { prompt: "x", context: [1, 2] }],
  ])("is refused by its name: %s", async (param, path, body) => {
    const response = await post(path, { model: "starter", ...body });
    expect(response.status).toBe(400);
    const answer = (await response.json()) as { error: string }; // as errors are shown to be below
    expect(answer).toMatchObject({ code: "unsupported_parameter" });
    expect(answer.error).toContain(`'${param}'`);
  });

  it.each<[string, object]>([
    ["model", {}],
    ["keep_alive", { model: "starter", keep_alive: "soon" }],
    ["options.temperature", { model: "starter", options: { temperature: "hot" } }],
    ["messages[0]", { model: "starter", messages: [{ role: "tool", content: "x" }] }],
  ])("is named: %s", async (param, body) => {
    const response = await post("/api/chat", body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toContain(`'${param}'`); // as below
  });
});

describe("an answer", () => {
  it("is one object where that is asked for, with durations in nanoseconds", async () => {
    const client = clientOf(apiOver(yielding(text("Look: "), text("here."), CALL, USAGE, STOP)));
    const answer = await client.chat({ ...QUESTION, model: "starter:latest" });
    expect(answer).toEqual({
      model: "starter",
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      message: {
        role: "assistant",
        content: "Look: here.",
        tool_calls: [{ id: "call_9", function: { index: 0, name: "weather", arguments: { city: "Kyiv" } } }],
      },
      done: true,
      done_reason: "stop",
      total_duration: expect.any(Number),
      load_duration: 0,
      prompt_eval_count: 7,
      prompt_eval_duration: 3_500_000,
      eval_count: 2,
      eval_duration: 250_000,
    });
    const generated = await client.generate({ model: "starter", prompt: "x" });
    expect(generated).toMatchObject({ response: "Look: here.", done: true });
  });

  it("streams unless it is told not to, each line whole", async () => {
    const response = await post("/api/chat", QUESTION, yielding(text("a"), CALL, text("b"), USAGE, STOP));
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const message = (content: string, more: object = {}) => ({ role: "assistant", content, ...more });
    expect(linesOf(await response.text())).toMatchObject([
      { model: "starter", message: message("a"), done: false },
      {
        message: message("", { tool_calls: [{ id: "call_9", function: { index: 0, name: "weather" } }] }),
        done: false,
      },
      { message: message("b"), done: false },
      { message: message(""), done: true, done_reason: "stop", eval_count: 2 },
    ]);
  });

  it("measures how long the model was loading", async () => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, 30));
    const generate: Generate = async function* generate() {
      yield { type: "progress", stage: "loading", fraction: 0 };
      await pause();
      yield { type: "progress", stage: "loading", fraction: 1 };
      yield { type: "progress", stage: "queued" };
      await pause();
      yield* [text("x"), USAGE, STOP];
    };
    for (const stream of [true, false]) {
      const lines = linesOf(`${(await (await post("/api/chat", { ...QUESTION, stream }, generate)).text()).trim()}\n`);
      const end = lines.at(-1) as { load_duration: number; total_duration: number }; // as above
      expect(end.load_duration).toBeGreaterThan(25e6);
      expect(end.total_duration).toBeGreaterThan(end.load_duration + 25e6);
    }
  });

  it("tells probabilities when asked", async () => {
    const token = { token: "x", bytes: [120], logprob: -0.5 };
    const said: GenerateEvent = { type: "text", text: "x", logprobs: [{ ...token, top: [token] }] };
    const answer = await clientOf(apiOver(yielding(said, USAGE, STOP))).chat({ ...QUESTION, logprobs: true });
    expect(answer.logprobs).toEqual([{ ...token, top_logprobs: [token] }]);
  });

  it("is the same streamed as whole, by the package's own reading, cut at every byte between its chunks", async () => {
    const generate = yielding(text("Größe: "), text("🏠\n"), USAGE, STOP);
    const bytes = new Uint8Array(await (await post("/api/chat", QUESTION, generate)).arrayBuffer());
    for (let cut = 1; cut < bytes.length; cut++) {
      const lines = await readAll([bytes.slice(0, cut), bytes.slice(cut)]);
      expect(lines.map(({ message }) => message.content).join("")).toBe("Größe: 🏠\n");
      expect(lines.at(-1)).toMatchObject({ done: true, eval_count: 2 });
    }
  });

  it("that is cut off before its last line's end is an error to the package's reading", async () => {
    const bytes = new Uint8Array(
      await (await post("/api/chat", QUESTION, yielding(text("Hi"), USAGE, STOP))).arrayBuffer(),
    );
    // Its last line is whole without the newline.
    const silent = console.warn;
    console.warn = () => undefined;
    try {
      for (let cut = 0; cut < bytes.length - 1; cut++) await expect(readAll([bytes.slice(0, cut)])).rejects.toThrow();
    } finally {
      console.warn = silent;
    }
  });
});

/** What the package reads from these bytes. */
async function readAll(chunks: readonly Uint8Array<ArrayBuffer>[]) {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const client = new Ollama({ host: "http://localhost", fetch: async () => new Response(body) });
  const lines = [];
  for await (const line of await client.chat({ ...QUESTION, stream: true })) lines.push(line);
  return lines;
}

describe("an error", () => {
  const busy: GenerateEvent = { type: "error", error: { code: "overloaded", message: "Full.", retryAfterMs: 1500 } };

  it("before the first token is a status and Ollama's object", async () => {
    for (const stream of [true, false]) {
      const response = await post("/api/chat", { ...QUESTION, stream }, yielding(busy));
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("2");
      expect(await response.json()).toEqual({ error: "Full.", code: "overloaded" });
    }
    const asking = clientOf(apiOver(yielding(busy))).chat(QUESTION);
    await expect(asking).rejects.toMatchObject({ status_code: 503, error: "Full." });
  });

  it("after it is a line that the package throws", async () => {
    const stream = await clientOf(apiOver(yielding(text("half"), busy))).chat({ ...QUESTION, stream: true });
    let said = "";
    const reading = (async () => {
      for await (const { message } of stream) said += message.content;
    })();
    await expect(reading).rejects.toThrow("Full.");
    expect(said).toBe("half");
  });

  it("of an engine that ends without an end is one too", async () => {
    const lines = linesOf(
      await (await post("/api/generate", { model: "starter", prompt: "x" }, yielding(text("x")))).text(),
    );
    expect(lines.at(-1)).toMatchObject({ code: "internal" });
  });
});

describe("a request without a question", () => {
  it("loads the model, or unloads it", async () => {
    const seen: GenerateRequest[] = [];
    const client = clientOf(
      apiOver(async function* generate(request) {
        seen.push(request);
        yield* FINISH;
      }),
    );
    expect(await client.chat({ model: "starter" })).toMatchObject({ done: true, done_reason: "load" });
    const unloaded = await client.generate({ model: "starter", prompt: "", keep_alive: 0 });
    expect(unloaded).toMatchObject({ response: "", done: true, done_reason: "unload" });
    expect(seen).toMatchObject([{ countOnly: true }, { countOnly: true, keepAliveMs: 0 }]);
  });
});
