import { Ajv } from "ajv";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LONG_WINDED } from "../support/long-winded.ts";
import { startEngineApi, type EngineApi } from "../support/engine-api.ts";

/** What the `openai` package can ask of an answer's form, with the real local API and starter model behind it. */
describe("the openai SDK, asking for a form", () => {
  let api: EngineApi;
  let client: OpenAI;
  const model = "starter";
  const messages = [{ role: "user" as const, content: "Describe a person as JSON." }];
  const schema = {
    type: "object",
    properties: {
      name: { type: "string", maxLength: 12 },
      age: { type: "integer", minimum: 18, maximum: 99 },
      tags: { type: "array", items: { enum: ["kind", "loud", "calm"] }, maxItems: 3, uniqueItems: true },
    },
    required: ["name", "age", "tags"],
    additionalProperties: false,
  };
  const person = { type: "json_schema" as const, json_schema: { name: "person", strict: true, schema } };
  const isPerson = new Ajv().compile(schema);
  const tools: OpenAI.ChatCompletionTool[] = ["get_weather", "get_time"].map((name) => ({
    type: "function",
    function: {
      name,
      parameters: {
        type: "object",
        properties: { city: { type: "string", pattern: "^[A-Z][a-z]{1,10}$" }, unit: { enum: ["C", "F"] } },
        required: ["city", "unit"],
        additionalProperties: false,
      },
    },
  }));

  beforeAll(async () => {
    api = await startEngineApi();
    client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: api.key, maxRetries: 0 });
  });
  afterAll(async () => {
    await api?.stop();
  });

  it("gets JSON that is valid against a schema, whole and streamed, greedy and sampled", async () => {
    for (const temperature of [0, 1]) {
      const body = { model, messages, response_format: person, temperature, seed: 5 };
      const whole = await client.chat.completions.create(body);
      const text = whole.choices[0]?.message.content ?? "";
      expect(whole.choices[0]?.finish_reason).toBe("stop");
      expect(isPerson(JSON.parse(text)), text).toBe(true);
      const stream = await client.chat.completions.create({ ...body, stream: true });
      let streamed = "";
      for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? "";
      expect(streamed).toBe(text);
    }
  });

  it("is told by its length that JSON was cut", async () => {
    const body = { model, messages, response_format: person, max_completion_tokens: 5 };
    expect((await client.chat.completions.create(body)).choices[0]?.finish_reason).toBe("length");
  });

  it("gets an object in JSON mode, and text of a grammar, an expression or a choice", async () => {
    const ask = async (more: object): Promise<string> => {
      const body = { model, messages, ...more };
      return (await client.chat.completions.create(body)).choices[0]?.message.content ?? "";
    };
    expect(await ask({ response_format: { type: "json_object" }, max_tokens: 12 })).toMatch(/^\{/u);
    expect(await ask({ grammar: 'root ::= "<" [a-z]{3,5} ">" " ok"?' })).toMatch(/^<[a-z]{3,5}>( ok)?$/u);
    expect(await ask({ structured_outputs: { regex: "\\d{3}-[x-z]{2}" } })).toMatch(/^\d{3}-[x-z]{2}$/u);
    expect(["yes", "perhaps"]).toContain(await ask({ structured_outputs: { choice: ["yes", "perhaps"] } }));
  });

  it("is refused by name what cannot be held to", async () => {
    const format = (json: object) => ({ ...person, json_schema: { name: "x", schema: { ...json } } });
    const refused = client.chat.completions.create({ model, messages, response_format: format({ not: {} }) });
    await expect(refused).rejects.toMatchObject({ status: 400, param: "response_format" });
    await expect(refused).rejects.toThrow("The JSON Schema keyword 'not' is not supported");
    const nobody = client.chat.completions.create({
      model,
      messages,
      tools,
      tool_choice: { type: "function", function: { name: "other" } },
    });
    await expect(nobody).rejects.toMatchObject({ status: 400, param: "tool_choice" });
  });

  it("gets calls with valid arguments where a call is required or named", async () => {
    const hello = [{ role: "user" as const, content: "Hello!" }];
    for (const temperature of [0, 1]) {
      for (const tool_choice of ["required" as const, { type: "function" as const, function: { name: "get_time" } }]) {
        const completion = await client.chat.completions.create({
          model,
          messages: hello,
          tools,
          tool_choice,
          temperature,
          seed: 3,
          parallel_tool_calls: false,
        });
        const [choice] = completion.choices;
        expect(choice?.finish_reason).toBe("tool_calls");
        expect(choice?.message.tool_calls).toHaveLength(1);
        const call = choice?.message.tool_calls?.[0];
        if (call?.type !== "function") throw new Error("no function call came back");
        expect(typeof tool_choice === "string" ? ["get_time", "get_weather"] : ["get_time"]).toContain(
          call.function.name,
        );
        const { city, unit } = JSON.parse(call.function.arguments) as { city: string; unit: string };
        expect(city).toMatch(/^[A-Z][a-z]{1,10}$/u);
        expect(["C", "F"]).toContain(unit);
      }
    }
  });

  it("gets log probabilities in OpenAI's shape, the same streamed", async () => {
    const body = { model, messages, logprobs: true, top_logprobs: 3, max_tokens: 8, temperature: 0 };
    const whole = await client.chat.completions.create(body);
    const content = whole.choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join("")).toBe(whole.choices[0]?.message.content);
    for (const { token, logprob, bytes, top_logprobs: top } of content) {
      expect(top).toHaveLength(3);
      // Greedy: the likeliest was chosen.
      expect(top[0]).toEqual({ token, logprob, bytes });
      expect(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeLessThanOrEqual(1 + 1e-6);
      expect(Buffer.from(bytes ?? []).toString()).toBe(token);
    }
    const streamed: OpenAI.ChatCompletionTokenLogprob[] = [];
    const stream = await client.chat.completions.create({ ...body, stream: true });
    for await (const chunk of stream) streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []));
    expect(streamed.map(({ token }) => token)).toEqual(content.map(({ token }) => token));
  });

  it("bans a token, and gets several choices that a seed repeats", async () => {
    const greedy = { model, messages, temperature: 0, max_tokens: 6 };
    const plain = await client.chat.completions.create(greedy);
    const bias = Object.fromEntries(Array.from({ length: 1024 }, (_, token) => [String(token), -100]));
    const other = await client.chat.completions.create({ ...greedy, logit_bias: bias });
    expect(other.choices[0]?.message.content).not.toBe(plain.choices[0]?.message.content);

    const many = { model, messages, ...LONG_WINDED, max_tokens: 12, seed: 9, n: 3 };
    const texts = async () =>
      (await client.chat.completions.create(many)).choices.map(({ index, message }) => [index, message.content]);
    const first = await texts();
    expect(first.map(([index]) => index)).toEqual([0, 1, 2]);
    expect(new Set(first.map(([, text]) => text)).size).toBe(3);
    expect(await texts()).toEqual(first);
    const alone = await client.chat.completions.create({ ...many, n: 1 });
    expect(alone.choices[0]?.message.content).toBe(first[0]?.[1]);
    const pieces = ["", "", ""];
    let usage: OpenAI.CompletionUsage | null | undefined;
    const stream = await client.chat.completions.create({
      ...many,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      for (const { index, delta } of chunk.choices) pieces[index] += delta.content ?? "";
      usage = chunk.usage ?? usage;
    }
    expect(pieces).toEqual(first.map(([, text]) => text));
    expect(usage?.completion_tokens).toBe(36);
  });
});
