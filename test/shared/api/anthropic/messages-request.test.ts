import { describe, expect, it } from "vitest";
import { type GenerateRequest, generateRequestSchema } from "../../../../shared/inference/request.ts";
import { FINISH, yielding } from "../support.ts";
import { post, QUESTION } from "./support.ts";

async function canonical(body: object): Promise<GenerateRequest> {
  let seen: GenerateRequest | undefined;
  const response = await post({ ...QUESTION, ...body }, async function* generate(request) {
    seen = request;
    yield* FINISH;
  });
  expect(await response.json()).toMatchObject({ type: "message" });
  return generateRequestSchema.strict().parse(seen);
}

describe("a body", () => {
  it("becomes the canonical request", async () => {
    expect(
      await canonical({
        system: [
          { type: "text", text: "Be kind.", cache_control: { type: "ephemeral" } },
          { type: "text", text: "Be brief." },
        ],
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "Hi" },
              { type: "text", text: "there" },
            ],
          },
          { role: "user", content: "and you" },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "hm", signature: "" },
              { type: "text", text: "Let me " },
              { type: "text", text: "look." },
              { type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Kyiv" } },
              { type: "tool_use", id: "toolu_2", name: "weather", input: {} },
            ],
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "sun" }] },
              { type: "tool_result", tool_use_id: "toolu_2", content: "no city", is_error: true },
              { type: "text", text: "Well?" },
            ],
          },
        ],
        tools: [{ name: "weather", description: "The weather", input_schema: { type: "object", properties: {} } }],
        tool_choice: { type: "tool", name: "weather", disable_parallel_tool_use: true },
        temperature: 0.5,
        top_p: 0.9,
        top_k: 40,
        stop_sequences: ["a", "b", "c", "d", "e"],
        output_config: { format: { type: "json_schema", schema: { type: "object" } } },
        metadata: { user_id: "u" },
      }),
    ).toEqual({
      model: "starter",
      messages: [
        { role: "system", content: "Be kind.\nBe brief." },
        { role: "user", content: "Hi\nthere\nand you" },
        {
          role: "assistant",
          content: "Let me look.",
          reasoning: "hm",
          toolCalls: [
            { id: "toolu_1", name: "weather", arguments: '{"city":"Kyiv"}' },
            { id: "toolu_2", name: "weather", arguments: "{}" },
          ],
        },
        { role: "tool", toolCallId: "toolu_1", content: "sun" },
        { role: "tool", toolCallId: "toolu_2", content: "Error: no city" },
        { role: "user", content: "Well?" },
      ],
      tools: [{ name: "weather", description: "The weather", parameters: { type: "object", properties: {} } }],
      toolChoice: { name: "weather" },
      parallelToolCalls: false,
      responseFormat: { type: "json_schema", schema: { type: "object" } },
      sampling: { temperature: 0.5, topP: 0.9, topK: 40 },
      maxTokens: 9,
      stop: ["a", "b", "c", "d", "e"],
    });
  });

  it("gives the model no tools with tool_choice none, and must with any", async () => {
    const tools = [{ name: "weather", input_schema: { type: "object" } }];
    expect(await canonical({ tools, tool_choice: { type: "none" } })).not.toHaveProperty("tools");
    expect((await canonical({ tools, tool_choice: { type: "any" } })).toolChoice).toBe("required");
  });
});

describe("what cannot be honoured", () => {
  const image = { type: "image", source: { type: "url", url: "https://x.test" } };
  it.each<[string, object]>([
    ["messages[0].content[0]", { messages: [{ role: "user", content: [image] }] }],
    ["tools[0]", { tools: [{ type: "web_search_20250305", name: "web_search" }] }],
    ["output_config.effort", { output_config: { effort: "low" } }],
    ["container", { container: "c" }],
    ["speed", { speed: "fast" }],
    ["messages[1]", { messages: [...QUESTION.messages, { role: "assistant", content: "I am" }] }],
  ])("is refused by its name: %s", async (param, body) => {
    const response = await post({ ...QUESTION, ...body });
    expect(response.status).toBe(400);
    const answer = (await response.json()) as { error: { message: string } }; // as errors are shown to be below
    expect(answer).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", code: "unsupported_parameter" },
    });
    expect(answer.error.message).toContain(`'${param}'`);
  });

  it.each<[string, string, object]>([
    ["unknown_parameter", "contxt", { contxt: 1 }],
    ["invalid_request", "max_tokens", { max_tokens: undefined }],
    ["invalid_request", "temperature", { temperature: 1.5 }],
    ["invalid_request", "tool_choice", { tool_choice: { type: "any" } }],
    [
      "invalid_request",
      "messages[0].content[0].tool_use_id",
      { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "x" }] }] },
    ],
  ])("is %s: %s", async (code, param, body) => {
    const response = await post({ ...QUESTION, ...body });
    expect(response.status).toBe(400);
    const answer = (await response.json()) as { error: { message: string } }; // as errors are shown to be below
    expect(answer).toMatchObject({ error: { code } });
    expect(answer.error.message).toContain(`'${param}'`);
  });

  it("is refused as a version", async () => {
    expect((await post(QUESTION, yielding(...FINISH), { "anthropic-version": "2023-01-01" })).status).toBe(400);
    expect((await post(QUESTION, yielding(...FINISH), { "anthropic-version": "2023-06-01" })).status).toBe(200);
    expect((await post(QUESTION)).status).toBe(200);
  });
});
