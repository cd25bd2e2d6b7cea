import { describe, expect, it } from "vitest";
import { generateRequestSchema, type GenerateRequest } from "../../../shared/inference/request.ts";
import { apiOver, ask, FINISH } from "./support.ts";

/** What the backend is given for a body. */
async function canonical(body: Record<string, unknown>): Promise<GenerateRequest> {
  let seen: GenerateRequest | undefined;
  const api = apiOver(async function* generate(request) {
    seen = request;
    yield* FINISH;
  });
  const response = await ask(api, body);
  expect(await response.json()).toMatchObject({ object: "chat.completion" });
  return generateRequestSchema.strict().parse(seen);
}

async function refusal(
  body: Record<string, unknown>,
): Promise<{ status: number; code: string; param: string | null; message: string }> {
  const api = apiOver(async function* generate() {
    yield* FINISH;
  });
  const response = await ask(api, body);
  const { error } = (await response.json()) as { error: { code: string; param: string | null; message: string } };
  return { status: response.status, code: error.code, param: error.param, message: error.message };
}

const weather = { name: "weather", description: "The weather", parameters: { type: "object", properties: {} } };

describe("a body", () => {
  it("becomes the canonical request", async () => {
    expect(
      await canonical({
        max_completion_tokens: 5,
        stop: ["a", "b"],
        seed: -3,
        temperature: 0,
        top_p: 0.5,
        top_k: 40,
        min_p: 0.1,
        repetition_penalty: 1.1,
        frequency_penalty: -1,
        presence_penalty: 2,
        tools: [{ type: "function", function: { ...weather, strict: false } }],
        tool_choice: "auto",
      }),
    ).toEqual({
      model: "starter",
      messages: [{ role: "user", content: "hello" }],
      tools: [weather],
      sampling: {
        seed: -3,
        temperature: 0,
        topP: 0.5,
        topK: 40,
        minP: 0.1,
        repetitionPenalty: 1.1,
        frequencyPenalty: -1,
        presencePenalty: 2,
      },
      maxTokens: 5,
      stop: ["a", "b"],
    });
  });

  it("leaves to the model what it does not say, and takes null for not saying", async () => {
    const nothing = { model: "starter", messages: [{ role: "user", content: "hello" }], sampling: {} };
    expect(await canonical({})).toEqual(nothing);
    const names = ["max_tokens", "max_completion_tokens", "stop", "seed", "temperature", "top_p", "top_k", "min_p"];
    const more = ["repetition_penalty", "frequency_penalty", "presence_penalty", "tools", "tool_choice", "stream", "n"];
    const nulls = Object.fromEntries([...names, ...more].map((name) => [name, null]));
    expect(await canonical(nulls)).toEqual(nothing);
    expect(await canonical({ stop: [], tools: [], top_k: -1 })).toEqual({ ...nothing, sampling: { topK: 0 } });
  });

  it("has a history of every role, text in parts, calls in parallel", async () => {
    const call = (id: string) => ({ id, type: "function", function: { name: "weather", arguments: "{}" } });
    const messages = [
      { role: "developer", content: "Be brief." },
      {
        role: "system",
        content: [
          { type: "text", text: "Be " },
          { type: "text", text: "kind." },
        ],
      },
      { role: "user", content: [{ type: "text", text: "Hi" }], name: "ann" },
      {
        role: "assistant",
        content: null,
        refusal: null,
        annotations: [],
        audio: null,
        tool_calls: [call("1"), call("2")],
      },
      { role: "tool", tool_call_id: "2", content: "rain" },
      { role: "tool", tool_call_id: "1", content: [{ type: "text", text: "sun" }] },
      { role: "assistant", content: "Both." },
    ];
    const toolCall = (id: string) => ({ id, name: "weather", arguments: "{}" });
    expect((await canonical({ messages })).messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "", toolCalls: [toolCall("1"), toolCall("2")] },
      { role: "tool", toolCallId: "2", content: "rain" },
      { role: "tool", toolCallId: "1", content: "sun" },
      { role: "assistant", content: "Both." },
    ]);
  });

  it("gives the model no tools with tool_choice none", async () => {
    const tools = [{ type: "function", function: weather }];
    expect((await canonical({ tools, tool_choice: "none" })).tools).toBeUndefined();
  });

  it.each([
    { user: "u", metadata: { a: "b" }, store: true, service_tier: "auto" },
    { parallel_tool_calls: true, prompt_cache_key: "k", safety_identifier: "s", response_format: { type: "text" } },
    { logprobs: false, top_logprobs: 0, logit_bias: {}, modalities: ["text"], n: 1 },
    { audio: null, prediction: null, functions: null, function_call: null, web_search_options: null },
    { stream_options: null, verbosity: "medium", prompt_cache_retention: "24h" },
  ])("may hold what changes nothing: %j", async (body) => {
    expect(await canonical(body)).toEqual(await canonical({}));
  });
});

describe("what cannot be honoured", () => {
  it.each<[string, Record<string, unknown>]>([
    ["n", { n: 17 }],
    ["tool_choice", { tool_choice: { type: "allowed_tools", allowed_tools: {} } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["audio", { audio: { voice: "x", format: "wav" } }],
    ["prediction", { prediction: { type: "content", content: "x" } }],
    ["web_search_options", { web_search_options: {} }],
    ["functions", { functions: [] }],
    ["function_call", { function_call: "auto" }],
    ["verbosity", { verbosity: "low" }],
    [
      "messages[0].content[0]",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
    ],
    [
      "messages[0].content[1]",
      { messages: [{ role: "user", content: [{ type: "text", text: "x" }, { type: "input_audio" }] }] },
    ],
    ["messages[0].refusal", { messages: [{ role: "assistant", content: "x", refusal: "no" }] }],
    ["messages[0].function_call", { messages: [{ role: "assistant", content: "x", function_call: { name: "x" } }] }],
  ])("is refused by its name: %s", async (param, body) => {
    expect(await refusal(body)).toMatchObject({ status: 400, code: "unsupported_parameter", param });
  });
});

describe("what is wrong", () => {
  it.each<[string, Record<string, unknown>]>([
    ["model", { model: undefined }],
    ["model", { model: "" }],
    ["model", { model: ["starter"] }],
    ["messages", { messages: undefined }],
    ["messages", { messages: [] }],
    ["messages", { messages: "hello" }],
    ["messages[0].role", { messages: [{ role: "robot", content: "x" }] }],
    ["messages[0].content", { messages: [{ role: "user" }] }],
    ["messages[0].content", { messages: [{ role: "user", content: null }] }],
    ["messages[0].content", { messages: [{ role: "user", content: 7 }] }],
    ["messages[0].content", { messages: [{ role: "user", content: [] }] }],
    ["messages[0].content[0].text", { messages: [{ role: "user", content: [{ type: "text" }] }] }],
    ["messages[0].content[0].type", { messages: [{ role: "user", content: [{ type: "hologram" }] }] }],
    ["messages[0].content", { messages: [{ role: "assistant", content: null }] }],
    ["messages[0].content", { messages: [{ role: "assistant", tool_calls: [] }] }],
    [
      "messages[0].tool_calls[0].function",
      { messages: [{ role: "assistant", tool_calls: [{ id: "1", type: "function" }] }] },
    ],
    ["messages[0].tool_call_id", { messages: [{ role: "tool", content: "x" }] }],
    [
      "messages[1].tool_call_id",
      {
        messages: [
          { role: "user", content: "x" },
          { role: "tool", tool_call_id: "1", content: "x" },
        ],
      },
    ],
    ["temperature", { temperature: 2.1 }],
    ["temperature", { temperature: "hot" }],
    ["top_p", { top_p: 0 }],
    ["top_k", { top_k: 1.5 }],
    ["min_p", { min_p: -0.1 }],
    ["repetition_penalty", { repetition_penalty: 0 }],
    ["frequency_penalty", { frequency_penalty: 3 }],
    ["seed", { seed: 1.5 }],
    ["seed", { seed: 2 ** 60 }],
    ["max_tokens", { max_tokens: 0 }],
    ["max_completion_tokens", { max_completion_tokens: 1e9 }],
    ["max_tokens", { max_tokens: 1, max_completion_tokens: 1 }],
    ["stop", { stop: ["a", "b", "c", "d", "e"] }],
    ["stop", { stop: "" }],
    ["stop[0]", { stop: [""] }],
    ["stop", { stop: 7 }],
    ["stream", { stream: "yes" }],
    ["stream_options", { stream_options: { include_usage: true } }],
    ["stream_options.include_usage", { stream: true, stream_options: { include_usage: 1 } }],
    ["tools[0].type", { tools: [{ type: "retrieval" }] }],
    ["tools[0].function.name", { tools: [{ type: "function", function: { name: "two words" } }] }],
    ["tools[0].function.parameters", { tools: [{ type: "function", function: { name: "x", parameters: [] } }] }],
    ["tool_choice", { tool_choice: "always" }],
    ["n", { n: 0 }],
    ["service_tier", { service_tier: "gold" }],
    ["metadata.a", { metadata: { a: 1 } }],
  ])("is named: %s", async (param, body) => {
    expect(await refusal(body)).toMatchObject({ status: 400, code: "invalid_request", param });
  });

  it.each<[string, Record<string, unknown>]>([
    ["temprature", { temprature: 1 }],
    ["messages[0].contnt", { messages: [{ role: "user", content: "x", contnt: "y" }] }],
    ["messages[0].content[0].txt", { messages: [{ role: "user", content: [{ type: "text", text: "x", txt: "y" }] }] }],
    ["tools[0].function.schema", { tools: [{ type: "function", function: { name: "x", schema: {} } }] }],
    ["stream_options.usage", { stream: true, stream_options: { usage: true } }],
  ])("is unknown by its name: %s", async (param, body) => {
    expect(await refusal(body)).toMatchObject({ status: 400, code: "unknown_parameter", param });
  });
});

it("names plugins that nobody here would call in its refusal", async () => {
  const tools = [{ type: "plugin", plugin: "@porchlight/hello" }];
  expect(await refusal({ tools })).toMatchObject({ status: 400, code: "unsupported_parameter", param: "tools" });
  // Of no use where nothing may be called.
  expect(await canonical({ tools, tool_choice: "none" })).not.toHaveProperty("plugins");
});
