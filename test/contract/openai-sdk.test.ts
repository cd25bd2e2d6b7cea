import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadLocalKey } from "../../node-agent/agent/local-api.ts";
import { distance, readExpected, referenceFolder } from "../support/embedding-vectors.ts";
import { engineLoad } from "../support/engine-load.ts";
import { LONG_WINDED } from "../support/long-winded.ts";
import { startStack, type TestStack } from "../support/stack.ts";

/** The `openai` package against the edge, with the real Worker, tunnel, agent and starter model behind it. */
describe("the openai SDK, through the edge", () => {
  let stack: TestStack;
  let client: OpenAI;
  const model = "starter";
  const hello = [{ role: "user" as const, content: "Hello! Who are you?" }];

  beforeAll(async () => {
    stack = await startStack({ vectors: referenceFolder("bert-mean") });
    client = new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey: stack.apiKey, maxRetries: 0 });
  });
  afterAll(async () => {
    await stack?.stop();
  });

  it("lists the models and retrieves one", async () => {
    const page = await client.models.list();
    expect(page.data.map(({ id, object }) => ({ id, object }))).toContainEqual({ id: model, object: "model" });
    expect((await client.models.retrieve(model)).id).toBe(model);
  });

  it("gives the vectors of a model for embeddings, in both encodings", async () => {
    const expected = await readExpected("bert-mean");
    const input = expected.map(({ text }) => text);
    // The SDK itself asks for base64 where nothing is said.
    const whole = await client.embeddings.create({ model: "vectors", input });
    const floats = await client.embeddings.create({ model: "vectors", input, encoding_format: "float" });
    for (const [i, { vector }] of expected.entries()) {
      expect(distance(whole.data[i]?.embedding ?? [], vector)).toBeLessThan(1e-4);
      expect(floats.data[i]?.embedding).toEqual(whole.data[i]?.embedding);
    }
    expect(whole.usage.prompt_tokens).toBe(expected.reduce((sum, { ids }) => sum + ids.length, 0));
    const [short] = (await client.embeddings.create({ model: "vectors", input: "a dog ran", dimensions: 8 })).data;
    expect(short?.embedding).toHaveLength(8);
    expect(Math.hypot(...(short?.embedding ?? []))).toBeCloseTo(1, 5);
  });

  it("takes a file of requests, and gives one of answers", async () => {
    const line = (custom_id: string, messages: object[]) =>
      JSON.stringify({ custom_id, method: "POST", url: "/v1/chat/completions", body: { model, messages } });
    const asked = new File([`${line("a", hello)}\n${line("b", hello)}\n`], "asked.jsonl");
    const file = await client.files.create({ purpose: "batch", file: asked });
    expect(await (await client.files.content(file.id)).text()).toContain('"custom_id":"b"');
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    await expect.poll(async () => (await client.batches.retrieve(id)).status, { timeout: 20_000 }).toBe("completed");
    const batch = await client.batches.retrieve(id);
    expect(batch.request_counts).toEqual({ total: 2, completed: 2, failed: 0 });
    const answers = (await (await client.files.content(batch.output_file_id ?? "")).text()).trim().split("\n");
    const [a, b] = answers.map((text) => JSON.parse(text));
    expect([a.custom_id, b.custom_id]).toEqual(["a", "b"]);
    expect(a.response.body.choices[0].message.content).toMatch(/starter/i);
    expect((await client.batches.list()).data.map((one) => one.id)).toEqual([id]);
    await client.files.delete(file.id);
    expect((await client.files.list()).data.map((one) => one.id)).toEqual([batch.output_file_id]);
  });

  it("carries many vectors through the tunnel", async () => {
    const input = Array.from({ length: 2048 }, (_, i) => ["a cat", "the dog ran", "rain is falling"][i % 3] ?? "");
    const { data } = await client.embeddings.create({ model: "vectors", input });
    expect(data.map(({ index }) => index)).toEqual([...input.keys()]);
    expect(distance(data[2047]?.embedding ?? [], data[1]?.embedding ?? [])).toBeLessThan(1e-5);
  });

  it("says what is wrong with a request for embeddings", async () => {
    const long = client.embeddings.create({ model: "vectors", input: ["a", "the cat ".repeat(40)] });
    await expect(long).rejects.toMatchObject({ status: 400, code: "context_length_exceeded", param: "input[1]" });
    await expect(long).rejects.toThrow("Input 1 has 82 tokens, the model takes 32.");
    const chat = client.embeddings.create({ model, input: "a" });
    await expect(chat).rejects.toMatchObject({ status: 400, code: "model_task_mismatch" });
    const talk = client.chat.completions.create({ model: "vectors", messages: hello });
    await expect(talk).rejects.toMatchObject({ status: 400, code: "model_task_mismatch" });
  });

  it("answers a chat with usage", async () => {
    const completion = await client.chat.completions.create({ model, messages: hello });
    expect(completion.object).toBe("chat.completion");
    expect(completion.choices[0]?.message.content).toMatch(/starter model/i);
    expect(completion.choices[0]?.finish_reason).toBe("stop");
    expect(completion.usage?.prompt_tokens).toBe(15);
    expect(completion.usage?.total_tokens).toBe(15 + (completion.usage?.completion_tokens ?? 0));
  });

  it("streams the same answer piece by piece, with usage when asked for", async () => {
    const whole = await client.chat.completions.create({ model, messages: hello });
    const stream = await client.chat.completions.create({
      model,
      messages: hello,
      stream: true,
      stream_options: { include_usage: true },
    });
    const pieces: string[] = [];
    let usage: OpenAI.CompletionUsage | null | undefined;
    let reason: string | null | undefined;
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      if (choice?.delta.content) pieces.push(choice.delta.content);
      if (choice?.finish_reason) reason = choice.finish_reason;
      if (chunk.usage) usage = chunk.usage;
    }
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(whole.choices[0]?.message.content);
    expect(reason).toBe("stop");
    expect(usage).toEqual(whole.usage);
  });

  it("cuts at max_completion_tokens and at a stop string", async () => {
    const short = await client.chat.completions.create({ model, messages: hello, max_completion_tokens: 3 });
    expect(short.choices[0]?.finish_reason).toBe("length");
    expect(short.usage?.completion_tokens).toBe(3);
    const stopped = await client.chat.completions.create({ model, messages: hello, stop: ["starter"] });
    expect(stopped.choices[0]?.finish_reason).toBe("stop");
    expect(stopped.choices[0]?.message.content).toBe("I'm the ");
  });

  it("repeats itself with a seed", async () => {
    const ask = async (seed: number) =>
      (await client.chat.completions.create({ model, messages: hello, ...LONG_WINDED, max_tokens: 40, seed }))
        .choices[0]?.message.content;
    const [first, again, other] = [await ask(7), await ask(7), await ask(8)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it("makes a round trip through a tool", async () => {
    const tools: OpenAI.ChatCompletionTool[] = [
      {
        type: "function",
        function: {
          name: "get_weather",
          description: "Get the current weather for a city.",
          parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
        },
      },
    ];
    const question = { role: "user" as const, content: "What is the weather in Paris?" };
    const first = await client.chat.completions.create({ model, messages: [question], tools });
    const message = first.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    expect(first.choices[0]?.finish_reason).toBe("tool_calls");
    if (!message || call?.type !== "function") throw new Error("no function call came back");
    expect(call.function.name).toBe("get_weather");
    expect(JSON.parse(call.function.arguments)).toEqual({ city: "Paris" });
    const result = {
      role: "tool" as const,
      tool_call_id: call.id,
      content: '{"temperature": 21, "condition": "sunny"}',
    };
    const second = await client.chat.completions.create({ model, messages: [question, message, result], tools });
    expect(second.choices[0]?.finish_reason).toBe("stop");
    expect(second.choices[0]?.message.content).toContain("21");
  });

  it("names what is wrong: key, model, body, prompt length", async () => {
    const stranger = new OpenAI({
      baseURL: `${stack.origin}/v1`,
      apiKey: `${stack.apiKey.slice(0, -1)}!`,
      maxRetries: 0,
    });
    await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
    await expect(client.chat.completions.create({ model: "gpt-none", messages: hello })).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    const malformed = { model, messages: "hello" } as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming; // on purpose
    await expect(client.chat.completions.create(malformed)).rejects.toMatchObject({ status: 400, param: "messages" });
    const huge = [{ role: "user" as const, content: "x".repeat(5 * 1024 * 1024) }];
    await expect(client.chat.completions.create({ model, messages: huge })).rejects.toMatchObject({
      status: 413,
      code: "body_too_large",
    });
    const long = [{ role: "user" as const, content: "word ".repeat(5000) }];
    const refusal = await client.chat.completions.create({ model, messages: long }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ status: 400, code: "context_length_exceeded" });
    expect(String(refusal)).toMatch(/\b1024\b/);
    expect(String(refusal)).toMatch(/\b\d{4,5}\b tokens/);
  });

  it("says where files and batches are, asked for at a machine's own port", async () => {
    const apiKey = await loadLocalKey(stack.folder.localKey);
    const home = new OpenAI({ baseURL: `${stack.localUrl}/v1`, apiKey, maxRetries: 0 });
    const file = new File(["{}"], "lines.jsonl");
    const refusals = [home.files.list(), home.files.create({ file, purpose: "batch" }), home.batches.cancel("batch_1")];
    const wanted = { status: 404, message: expect.stringContaining("an edge has") as string };
    await Promise.all(refusals.map(async (refusal) => await expect(refusal).rejects.toMatchObject(wanted)));
  });

  it("stops the engine when streams are aborted, and frees their slots", async () => {
    const load = () => engineLoad(stack.localUrl, stack.folder.localKey);
    const long = { model, messages: hello, stream: true as const, ...LONG_WINDED };
    const stopTimesMs: number[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const streams = await Promise.all(Array.from({ length: 4 }, () => client.chat.completions.create(long)));
      await Promise.all(streams.map((stream) => firstText(stream)));
      expect(await load()).toEqual({ running: 4, waiting: 0 });
      for (const stream of streams) stream.controller.abort();
      const abortedAt = performance.now();
      // Left alone, 900 tokens each keep the slots for seconds.
      while ((await load()).running > 0) expect(performance.now() - abortedAt).toBeLessThan(2000);
      stopTimesMs.push(Math.round(performance.now() - abortedAt));
    }
    console.log(`slots were free after ${stopTimesMs.join(", ")} ms`);
    expect((await client.chat.completions.create({ model, messages: hello })).choices[0]?.finish_reason).toBe("stop");
  });
});

/** Reads up to the first piece of text and leaves the stream as it is. */
async function firstText(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<void> {
  const chunks = stream[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await chunks.next();
    if (done || value.choices[0]?.delta.content) return;
  }
}
