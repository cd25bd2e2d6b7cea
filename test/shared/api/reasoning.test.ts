import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../shared/inference/request.ts";
import { type Api, apiOver, yielding } from "./support.ts";

const EVENTS: GenerateEvent[] = [
  { type: "progress", stage: "queued", promptTokens: 7 },
  { type: "reasoning", text: "One, " },
  { type: "reasoning", text: "two." },
  { type: "text", text: "Tw" },
  { type: "text", text: "o." },
  { type: "usage", promptTokens: 7, completionTokens: 9, cachedTokens: 0, reasoningTokens: 6 },
  { type: "finish", reason: "stop" },
];
const messages = [{ role: "user" as const, content: "1 + 1?" }];

const over = (api: Api) => {
  const fetch = async (url: string | URL | Request, init?: RequestInit) => await api.request(new Request(url, init));
  return {
    openai: new OpenAI({ baseURL: "http://localhost/v1", apiKey: "key", maxRetries: 0, fetch }),
    anthropic: new Anthropic({ baseURL: "http://localhost", apiKey: "key", maxRetries: 0, fetch }),
    ollama: new Ollama({ host: "http://localhost", fetch }),
  };
};

describe("thoughts", () => {
  const { openai, anthropic, ollama } = over(apiOver(yielding(...EVENTS)));

  it("are reasoning_content in OpenAI's dialect", async () => {
    const whole = await openai.chat.completions.create({ model: "m", messages });
    expect(whole.choices[0]?.message).toMatchObject({ content: "Two.", reasoning_content: "One, two." });
    expect(whole.usage).toMatchObject({ completion_tokens: 9, completion_tokens_details: { reasoning_tokens: 6 } });
    const deltas: object[] = [];
    for await (const chunk of await openai.chat.completions.create({ model: "m", messages, stream: true })) {
      deltas.push(chunk.choices[0]?.delta ?? {});
    }
    expect(deltas).toEqual([
      { role: "assistant", content: "", refusal: null },
      { reasoning_content: "One, " },
      { reasoning_content: "two." },
      { content: "Tw" },
      { content: "o." },
      {},
    ]);
  });

  it("are blocks in Anthropic's dialect", async () => {
    const content = [
      { type: "thinking", thinking: "One, two.", signature: "" },
      { type: "text", text: "Two.", citations: null },
    ];
    const whole = await anthropic.messages.create({ model: "m", max_tokens: 99, messages });
    expect(whole).toMatchObject({
      content,
      usage: { output_tokens: 9, output_tokens_details: { thinking_tokens: 6 } },
    });
    const stream = anthropic.messages.stream({ model: "m", max_tokens: 99, messages });
    const thoughts: string[] = [];
    stream.on("thinking", (delta) => thoughts.push(delta));
    const { id: _id, ...once } = whole;
    expect(await stream.finalMessage()).toMatchObject(once);
    expect(thoughts).toEqual(["One, ", "two."]);
  });

  it("are called thinking in Ollama's dialect", async () => {
    const whole = await ollama.chat({ model: "m", messages, think: true });
    expect(whole.message).toEqual({ role: "assistant", content: "Two.", thinking: "One, two." });
    expect(await ollama.generate({ model: "m", prompt: "1 + 1?" })).toMatchObject({
      response: "Two.",
      thinking: "One, two.",
    });
    const lines = [];
    for await (const { message } of await ollama.chat({ model: "m", messages, stream: true })) lines.push(message);
    expect(lines.map(({ content, thinking }) => [content, thinking])).toEqual([
      ["", "One, "],
      ["", "two."],
      ["Tw", undefined],
      ["o.", undefined],
      ["", undefined],
    ]);
  });
});

describe("how much to think", () => {
  let seen: GenerateRequest | undefined;
  const { openai, anthropic, ollama } = over(
    apiOver(async function* generate(request) {
      seen = request;
      yield* EVENTS;
    }),
  );

  it.each<[object, object | undefined]>([
    [{}, undefined],
    [{ reasoning_effort: "none" }, { enabled: false }],
    [{ reasoning_effort: "low" }, { enabled: true, maxTokens: 2048 }],
    [{ reasoning_effort: "high" }, { enabled: true }],
    [{ reasoning: { max_tokens: 100 } }, { maxTokens: 100 }],
    [{ reasoning: { effort: "medium" } }, { enabled: true, maxTokens: 8192 }],
    [{ reasoning: { enabled: false } }, { enabled: false }],
  ])("is said to OpenAI's dialect by %j", async (body, reasoning) => {
    await openai.chat.completions.create({ model: "m", messages, ...body });
    expect(seen?.reasoning).toEqual(reasoning);
  });

  it.each<[object, object | undefined]>([
    [{}, undefined],
    [{ thinking: { type: "disabled" } }, { enabled: false }],
    [{ thinking: { type: "enabled", budget_tokens: 2000 } }, { enabled: true, maxTokens: 2000 }],
    [{ thinking: { type: "adaptive", display: "summarized" } }, { enabled: true }],
    [
      { thinking: { type: "adaptive" }, output_config: { effort: "low" } },
      { enabled: true, maxTokens: 2048 },
    ],
  ])("is said to Anthropic's dialect by %j", async (body, reasoning) => {
    await anthropic.messages.create({ model: "m", max_tokens: 4000, messages, ...body });
    expect(seen?.reasoning).toEqual(reasoning);
  });

  it.each<[string, object]>([
    ["thinking.budget_tokens", { thinking: { type: "enabled", budget_tokens: 4000 } }],
    ["thinking.display", { thinking: { type: "adaptive", display: "omitted" } }],
    ["thinking", { thinking: { type: "between_tools" } }],
    ["output_config.effort", { output_config: { effort: "low" } }],
  ])("cannot be said to Anthropic's dialect by %s", async (param, body) => {
    await expect(anthropic.messages.create({ model: "m", max_tokens: 4000, messages, ...body })).rejects.toThrow(
      `'${param}'`,
    );
  });

  it.each<[boolean | "low" | "high" | undefined, object | undefined]>([
    [undefined, undefined],
    [false, { enabled: false }],
    [true, { enabled: true }],
    ["low", { enabled: true, maxTokens: 2048 }],
    ["high", { enabled: true }],
  ])("is said to Ollama's dialect by %j", async (think, reasoning) => {
    await ollama.chat({ model: "m", messages, ...(think === undefined ? {} : { think }) });
    expect(seen?.reasoning).toEqual(reasoning);
  });

  it("does not keep earlier thoughts from coming back", async () => {
    const expected = { role: "assistant", content: "Two.", reasoning: "One, two." };
    const question = messages[0] ?? { role: "user", content: "" };
    const told = { role: "assistant" as const, content: "Two.", reasoning_content: "One, two." };
    await openai.chat.completions.create({ model: "m", messages: [question, told, question] });
    expect(seen?.messages[1]).toEqual(expected);
    const { content } = await anthropic.messages.create({ model: "m", max_tokens: 99, messages });
    await anthropic.messages.create({
      model: "m",
      max_tokens: 99,
      messages: [question, { role: "assistant", content }, question],
    });
    expect(seen?.messages[1]).toEqual(expected);
    const { message } = await ollama.chat({ model: "m", messages });
    await ollama.chat({ model: "m", messages: [question, message, question] });
    expect(seen?.messages[1]).toEqual(expected);
  });
});
