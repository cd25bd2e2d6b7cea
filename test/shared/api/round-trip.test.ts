import {
  array as listOf,
  asyncProperty,
  assert,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  oneof,
  option,
  record,
  string,
  uniqueArray,
  type Arbitrary,
} from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerateRequest, Message, Tool } from "../../../shared/inference/request.ts";
import { apiOver, FINISH } from "./support.ts";

/** What the backend is given for a body. */
async function canonical(path: string, body: object): Promise<GenerateRequest> {
  let seen: GenerateRequest | undefined;
  const api = apiOver(async function* generate(request) {
    seen = request;
    yield* FINISH;
  });
  const headers = { "content-type": "application/json" };
  const response = await api.request(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (seen === undefined) throw new Error(await response.text());
  await response.text();
  return seen;
}

const optional = <Value>(values: Arbitrary<Value>) => option(values, { nil: undefined });
const share = double({ min: 0.015625, max: 1, noNaN: true });
const text = string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const schema = constantFrom<Record<string, unknown>>(
  { type: "object" },
  { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
);
const NAMES = ["look", "find_it", "a-b.c"];
const tools: Arbitrary<Tool[]> = uniqueArray(
  record({ name: constantFrom(...NAMES), description: text, parameters: schema }),
  { minLength: 1, maxLength: 3, selector: ({ name }) => name },
);

/** A question; perhaps an answer with thoughts, calls and their results; a question again. */
const messages: Arbitrary<Message[]> = record({
  system: optional(text),
  first: text,
  turn: optional(
    record({
      said: text,
      thought: optional(text),
      input: constantFrom('{"a":1}', "{}"),
      calls: integer({ min: 0, max: 2 }),
    }),
  ),
  last: text,
}).map(({ system, first, turn, last }): Message[] => {
  const ids = Array.from({ length: turn?.calls ?? 0 }, (_, i) => `call_${i}`);
  return [
    ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
    { role: "user", content: first },
    ...(turn === undefined
      ? []
      : [
          {
            role: "assistant" as const,
            content: turn.said,
            ...(turn.thought === undefined ? {} : { reasoning: turn.thought }),
            ...(ids.length === 0 ? {} : { toolCalls: ids.map((id) => ({ id, name: "look", arguments: turn.input })) }),
          },
          ...ids.map((toolCallId, i) => ({ role: "tool" as const, toolCallId, content: `result ${i}` })),
          { role: "user" as const, content: last },
        ]),
  ];
});

const common = {
  model: constantFrom("starter", "qwen3-4b"),
  messages,
  tools: optional(tools),
  responseFormat: optional(schema.map((its) => ({ type: "json_schema" as const, schema: its }))),
  maxTokens: integer({ min: 1, max: 9999 }),
};
const temperature = share;
const everySampling = record({
  temperature,
  topP: share,
  topK: integer({ min: 0, max: 99 }),
  minP: share,
  seed: integer(),
  frequencyPenalty: share,
  presencePenalty: share,
  repetitionPenalty: share,
});
const choice = oneof(
  constant("required" as const),
  constantFrom(...NAMES).map((name) => ({ name })),
);

/** Without what is undefined, and without a choice of tools where there are none. */
function clean(request: object): GenerateRequest {
  const kept = JSON.parse(JSON.stringify(request)) as GenerateRequest; // made of JSON values alone
  if (kept.tools) return kept;
  const { toolChoice: _toolChoice, parallelToolCalls: _parallel, ...rest } = kept;
  return rest;
}

interface Dialect {
  path: string;
  requests: Arbitrary<object>;
  encode: (request: GenerateRequest) => object;
}

const named = (toolChoice: GenerateRequest["toolChoice"]) =>
  typeof toolChoice === "object" ? toolChoice.name : undefined;

/** Each with the fields that it has in common with the canonical request, and the body that means them. */
const DIALECTS: Record<string, Dialect> = {
  "OpenAI's chat": {
    path: "/v1/chat/completions",
    requests: record({
      ...common,
      toolChoice: optional(choice),
      parallelToolCalls: optional(constant(false)),
      reasoning: optional(record({ enabled: boolean(), maxTokens: integer({ min: 1, max: 999 }) })),
      sampling: everySampling,
      logitBias: optional(constant({ "7": -3 })),
      topLogprobs: optional(integer({ min: 0, max: 20 })),
      stop: optional(listOf(text, { minLength: 1, maxLength: 4 })),
    }),
    encode: ({ model, messages: its, tools: offered, toolChoice, responseFormat, sampling, ...request }) => ({
      model,
      messages: its.map((message) => {
        if (message.role === "tool")
          return { role: "tool", tool_call_id: message.toolCallId, content: message.content };
        if (message.role !== "assistant") return message;
        const calls = message.toolCalls?.map(({ id, ...fn }) => ({ id, type: "function", function: fn }));
        return { role: "assistant", content: message.content, reasoning_content: message.reasoning, tool_calls: calls };
      }),
      tools: offered?.map((tool) => ({ type: "function", function: tool })),
      tool_choice: named(toolChoice) ? { type: "function", function: { name: named(toolChoice) } } : toolChoice,
      parallel_tool_calls: request.parallelToolCalls,
      response_format:
        responseFormat?.type === "json_schema"
          ? { type: "json_schema", json_schema: { name: "x", schema: responseFormat.schema } }
          : undefined,
      reasoning: request.reasoning && { enabled: request.reasoning.enabled, max_tokens: request.reasoning.maxTokens },
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_k: sampling.topK,
      min_p: sampling.minP,
      seed: sampling.seed,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      repetition_penalty: sampling.repetitionPenalty,
      logit_bias: request.logitBias,
      logprobs: request.topLogprobs === undefined ? undefined : true,
      top_logprobs: request.topLogprobs,
      max_completion_tokens: request.maxTokens,
      stop: request.stop,
    }),
  },

  "OpenAI's responses": {
    path: "/v1/responses",
    requests: record({
      ...common,
      toolChoice: optional(choice),
      parallelToolCalls: optional(constant(false)),
      reasoning: optional(constantFrom({ enabled: false }, { enabled: true }, { enabled: true, maxTokens: 2048 })),
      sampling: record({ temperature, topP: share }),
      topLogprobs: optional(integer({ min: 0, max: 20 })),
    }),
    encode: ({
      model,
      messages: its,
      tools: offered,
      toolChoice,
      responseFormat,
      reasoning,
      sampling,
      ...request
    }) => ({
      model,
      input: its.flatMap((message): object[] => {
        if (message.role === "tool")
          return [{ type: "function_call_output", call_id: message.toolCallId, output: message.content }];
        if (message.role !== "assistant") return [message];
        const thought = [{ type: "reasoning_text", text: message.reasoning }];
        return [
          ...(message.reasoning === undefined ? [] : [{ type: "reasoning", id: "rs", summary: [], content: thought }]),
          { type: "message", role: "assistant", content: [{ type: "output_text", text: message.content }] },
          ...(message.toolCalls ?? []).map(({ id, ...call }) => ({ type: "function_call", call_id: id, ...call })),
        ];
      }),
      tools: offered?.map((tool) => ({ type: "function", ...tool })),
      tool_choice: named(toolChoice) ? { type: "function", name: named(toolChoice) } : toolChoice,
      parallel_tool_calls: request.parallelToolCalls,
      text:
        responseFormat?.type === "json_schema"
          ? { format: { type: "json_schema", name: "x", schema: responseFormat.schema } }
          : undefined,
      reasoning: reasoning && { effort: reasoning.enabled ? (reasoning.maxTokens ? "low" : "high") : "none" },
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_logprobs: request.topLogprobs,
      max_output_tokens: request.maxTokens,
    }),
  },

  "OpenAI's completions": {
    path: "/v1/completions",
    requests: record({
      model: common.model,
      messages: constant([]),
      prompt: text,
      maxTokens: common.maxTokens,
      sampling: everySampling,
      logitBias: optional(constant({ "7": -3 })),
      topLogprobs: optional(integer({ min: 0, max: 5 })),
      stop: optional(listOf(text, { minLength: 1, maxLength: 4 })),
    }),
    encode: ({ model, prompt, sampling, ...request }) => ({
      model,
      prompt,
      max_tokens: request.maxTokens,
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_k: sampling.topK,
      min_p: sampling.minP,
      seed: sampling.seed,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      repetition_penalty: sampling.repetitionPenalty,
      logit_bias: request.logitBias,
      logprobs: request.topLogprobs,
      stop: request.stop,
    }),
  },

  "Anthropic's messages": {
    path: "/v1/messages",
    requests: record({
      ...common,
      toolChoice: optional(choice),
      parallelToolCalls: optional(constant(false)),
      reasoning: optional(constantFrom({ enabled: false }, { enabled: true })),
      sampling: record({ temperature, topP: share, topK: integer({ min: 0, max: 99 }) }),
      stop: optional(listOf(text, { minLength: 1, maxLength: 8 })),
    }),
    encode: ({
      model,
      messages: its,
      tools: offered,
      toolChoice,
      responseFormat,
      reasoning,
      sampling,
      ...request
    }) => ({
      model,
      system: its.find(({ role }) => role === "system")?.content,
      messages: its
        .filter(({ role }) => role !== "system")
        .map((message) => {
          if (message.role === "tool")
            return {
              role: "user",
              content: [{ type: "tool_result", tool_use_id: message.toolCallId, content: message.content }],
            };
          if (message.role !== "assistant") return message;
          const thought = { type: "thinking", thinking: message.reasoning, signature: "" };
          const calls = (message.toolCalls ?? []).map(({ id, name, arguments: input }) => ({
            type: "tool_use",
            id,
            name,
            input: JSON.parse(input) as unknown,
          }));
          const said = { type: "text", text: message.content };
          return {
            role: "assistant",
            content: [...(message.reasoning === undefined ? [] : [thought]), said, ...calls],
          };
        }),
      tools: offered?.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })),
      tool_choice:
        toolChoice === undefined && request.parallelToolCalls === undefined
          ? undefined
          : {
              type: named(toolChoice) ? "tool" : toolChoice === "required" ? "any" : "auto",
              name: named(toolChoice),
              disable_parallel_tool_use: request.parallelToolCalls === false ? true : undefined,
            },
      output_config:
        responseFormat?.type === "json_schema"
          ? { format: { type: "json_schema", schema: responseFormat.schema } }
          : undefined,
      thinking: reasoning && { type: reasoning.enabled ? "adaptive" : "disabled" },
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_k: sampling.topK,
      max_tokens: request.maxTokens,
      stop_sequences: request.stop,
    }),
  },

  "Ollama's chat": {
    path: "/api/chat",
    requests: record({
      ...common,
      reasoning: optional(constantFrom({ enabled: false }, { enabled: true }, { enabled: true, maxTokens: 2048 })),
      sampling: everySampling,
      topLogprobs: optional(integer({ min: 0, max: 20 })),
      stop: optional(listOf(text, { minLength: 1, maxLength: 4 })),
      keepAliveMs: optional(integer({ min: 0, max: 99 }).map((seconds) => seconds * 1000)),
    }),
    encode: ({ model, messages: its, tools: offered, responseFormat, reasoning, sampling, ...request }) => ({
      model,
      messages: its.map((message) => {
        if (message.role === "tool")
          return { role: "tool", tool_call_id: message.toolCallId, content: message.content };
        if (message.role !== "assistant") return message;
        const calls = message.toolCalls?.map(({ id, name, arguments: input }) => ({
          id,
          function: { name, arguments: JSON.parse(input) as unknown },
        }));
        return { role: "assistant", content: message.content, thinking: message.reasoning, tool_calls: calls };
      }),
      tools: offered?.map((tool) => ({ type: "function", function: tool })),
      format: responseFormat?.type === "json_schema" ? responseFormat.schema : undefined,
      think: reasoning && (reasoning.maxTokens ? "low" : reasoning.enabled),
      logprobs: request.topLogprobs === undefined ? undefined : true,
      top_logprobs: request.topLogprobs,
      keep_alive: request.keepAliveMs === undefined ? undefined : request.keepAliveMs / 1000,
      options: {
        num_predict: request.maxTokens,
        stop: request.stop,
        temperature: sampling.temperature,
        top_p: sampling.topP,
        top_k: sampling.topK,
        min_p: sampling.minP,
        seed: sampling.seed,
        frequency_penalty: sampling.frequencyPenalty,
        presence_penalty: sampling.presencePenalty,
        repeat_penalty: sampling.repetitionPenalty,
      },
    }),
  },
};

describe.each(Object.entries(DIALECTS))("%s", (_name, { path, requests, encode }) => {
  it("keeps every field that it has in common with the canonical request", async () => {
    await assert(
      asyncProperty(requests, async (made) => {
        const request = clean(made);
        expect(await canonical(path, encode(request))).toEqual(request);
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});
