import { describe, expect, it } from "vitest";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { apiOver, ask, FINISH, payloadsOf } from "./support.ts";

const weather = { type: "function", function: { name: "weather", strict: true, parameters: { type: "object" } } };

/** What the backend is given for a body, once for each choice. */
async function canonical(body: Record<string, unknown>): Promise<GenerateRequest[]> {
  const seen: GenerateRequest[] = [];
  const api = apiOver(async function* generate(request) {
    seen.push(request);
    yield* FINISH;
  });
  expect((await ask(api, body)).status).toBe(200);
  return seen;
}

describe("the form of an answer", () => {
  const schema = { type: "object", properties: { a: { type: "integer" } } };
  it.each<[Record<string, unknown>, unknown]>([
    [{ response_format: { type: "json_object" } }, { type: "json" }],
    [
      { response_format: { type: "json_schema", json_schema: { name: "x", strict: true, schema } } },
      { type: "json_schema", schema },
    ],
    [{ response_format: { type: "json_schema", json_schema: { name: "x" } } }, { type: "json" }],
    [{ structured_outputs: { json: JSON.stringify(schema) } }, { type: "json_schema", schema }],
    [{ structured_outputs: { regex: "a+" } }, { type: "regex", pattern: "a+" }],
    [{ structured_outputs: { choice: ["a", "b"] } }, { type: "choice", choices: ["a", "b"] }],
    [{ structured_outputs: { grammar: 'root ::= "a"' } }, { type: "grammar", grammar: 'root ::= "a"' }],
    [
      { grammar: 'root ::= "a"', response_format: { type: "text" } },
      { type: "grammar", grammar: 'root ::= "a"' },
    ],
  ])("is understood: %j", async (body, responseFormat) => {
    expect((await canonical(body))[0]?.responseFormat).toEqual(responseFormat);
  });

  it("comes with choices of tools, probabilities and biases", async () => {
    const [request] = await canonical({
      tools: [weather],
      tool_choice: { type: "function", function: { name: "weather" } },
      parallel_tool_calls: false,
      logprobs: true,
      logit_bias: { "5": -100 },
    });
    expect(request).toMatchObject({
      toolChoice: { name: "weather" },
      parallelToolCalls: false,
      topLogprobs: 0,
      logitBias: { "5": -100 },
    });
    expect((await canonical({ tools: [weather], tool_choice: "required" }))[0]?.toolChoice).toBe("required");
  });

  it("in several choices has a seed for each", async () => {
    const seeds = async (seed?: number) => (await canonical({ n: 3, seed })).map(({ sampling }) => sampling.seed);
    expect(new Set(await seeds(7)).size).toBe(3);
    expect((await seeds(7))[0]).toBe(7);
    expect(new Set(await seeds(Number.MAX_SAFE_INTEGER)).size).toBe(3);
    expect(new Set(await seeds(Number.MIN_SAFE_INTEGER)).size).toBe(3);
    expect(await seeds()).toEqual([undefined, undefined, undefined]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["response_format", { response_format: { type: "json_object" }, grammar: "x" }],
    ["structured_outputs", { structured_outputs: { regex: "a", choice: ["b"] } }],
    ["structured_outputs", { structured_outputs: {} }],
    ["structured_outputs.json", { structured_outputs: { json: "{" } }],
    ["structured_outputs.json", { structured_outputs: { json: "[".repeat(30_000) } }],
    ["tool_choice", { tool_choice: "required" }],
    ["top_logprobs", { top_logprobs: 2 }],
    ["top_logprobs", { logprobs: true, top_logprobs: 21 }],
    ["logit_bias.a", { logit_bias: { a: 1 } }],
    ["logit_bias.5", { logit_bias: { "5": 101 } }],
    ["logit_bias", { logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [String(i), 0])) }],
    ["grammar", { grammar: "x".repeat(65_537) }],
    ["n", { n: 17 }],
  ])("that is wrong is refused by its name: %s", async (param, body) => {
    const api = apiOver(async function* generate() {
      yield* FINISH;
    });
    const response = await ask(api, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param } });
  });
});

describe("several choices", () => {
  const api = apiOver(async function* generate(request) {
    const { seed = 0 } = request.sampling;
    for (let i = 0; i < 3; i++) yield { type: "text", text: `${seed}` };
    if (seed === 90) yield { type: "error", error: { code: "engine_crashed", message: "Gone." } };
    else yield* FINISH;
  });

  it("are one answer, whole and streamed, and the prompt counts once", async () => {
    const whole: unknown = await (await ask(api, { n: 2, seed: 5 })).json();
    expect(whole).toMatchObject({
      choices: [
        { index: 0, message: { content: "555" }, finish_reason: "stop" },
        { index: 1, message: { content: "444" }, finish_reason: "stop" },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 },
    });
    const body = { n: 2, seed: 5, stream: true, stream_options: { include_usage: true } };
    const payloads = payloadsOf(await (await ask(api, body)).text());
    expect(payloads.pop()).toBe("[DONE]");
    const chunks = payloads.map(
      (payload) => JSON.parse(payload) as { choices: { index: number; delta: { content?: string } }[]; usage: unknown },
    );
    const texts = ["", ""];
    for (const { choices } of chunks) for (const { index, delta } of choices) texts[index] += delta.content ?? "";
    expect(texts).toEqual(["555", "444"]);
    expect(chunks.at(-1)?.usage).toMatchObject({ total_tokens: 11 });
    expect(chunks.filter(({ usage }) => usage !== null)).toHaveLength(1);
  });

  it("fail together", async () => {
    const response = await ask(api, { n: 2, seed: 91 });
    expect(response.status).toBe(500);
    const payloads = payloadsOf(await (await ask(api, { n: 2, seed: 91, stream: true })).text());
    expect(payloads.at(-1)).toBe("[DONE]");
    expect(payloads.at(-2)).toContain("engine_crashed");
  });
});
