import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { MODEL, type Place, WEATHER } from "./place.ts";

/** What an answer came to, whichever dialect it was asked for in. */
export interface Outcome {
  text: string;
  calls: { name: string; input: unknown }[];
  promptTokens: number;
  completionTokens: number;
}

/** A conversation that every dialect can hold. */
export interface Conversation {
  system?: string;
  question: string;
  /** With the weather's tool; `answered`: it was called and has answered. */
  tool?: "offered" | "answered";
  maxTokens: number;
}

export const CONVERSATIONS: Conversation[] = [
  { question: "Hello! Who are you?", maxTokens: 48 },
  { system: "You are a helpful assistant.", question: "What is the capital of Japan?", maxTokens: 48 },
  { question: WEATHER.question, tool: "offered", maxTokens: 64 },
  { question: WEATHER.question, tool: "answered", maxTokens: 64 },
  { question: "Größe 🏠 «naïve»?", maxTokens: 7 },
];

const { name, description, schema: parameters, result } = WEATHER;
const input = { city: "Paris" };

/** Each dialect's own client, greedy. */
export const DIALECTS: Record<string, (place: Place, conversation: Conversation) => Promise<Outcome>> = {
  openai: async ({ origin, apiKey }, { system, question, tool, maxTokens }) => {
    const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0 });
    const call = { id: "call_1", type: "function" as const, function: { name, arguments: JSON.stringify(input) } };
    const { choices, usage } = await client.chat.completions.create({
      model: MODEL,
      temperature: 0,
      max_tokens: maxTokens,
      messages: [
        ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
        { role: "user", content: question },
        ...(tool === "answered"
          ? [
              { role: "assistant" as const, content: null, tool_calls: [call] },
              { role: "tool" as const, tool_call_id: "call_1", content: result },
            ]
          : []),
      ],
      ...(tool ? { tools: [{ type: "function" as const, function: { name, description, parameters } }] } : {}),
    });
    const { content, tool_calls: calls = [] } = choices[0]?.message ?? {};
    return {
      text: content ?? "",
      calls: calls.flatMap((one) =>
        one.type === "function"
          ? [{ name: one.function.name, input: JSON.parse(one.function.arguments) as unknown }]
          : [],
      ),
      promptTokens: usage?.prompt_tokens ?? 0,
      completionTokens: usage?.completion_tokens ?? 0,
    };
  },

  anthropic: async ({ origin: baseURL, apiKey }, { system, question, tool, maxTokens }) => {
    const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
    const request = {
      model: MODEL,
      // The newest client leaves it out of its types; models at home have it.
      temperature: 0,
      max_tokens: maxTokens,
      ...(system === undefined ? {} : { system }),
      messages: [
        { role: "user" as const, content: question },
        ...(tool === "answered"
          ? [
              { role: "assistant" as const, content: [{ type: "tool_use" as const, id: "toolu_1", name, input }] },
              {
                role: "user" as const,
                content: [{ type: "tool_result" as const, tool_use_id: "toolu_1", content: result }],
              },
            ]
          : []),
      ],
      ...(tool ? { tools: [{ name, description, input_schema: parameters }] } : {}),
    };
    const { content, usage } = await client.messages.create(request);
    return {
      text: content.map((block) => (block.type === "text" ? block.text : "")).join(""),
      calls: content.flatMap((block) => (block.type === "tool_use" ? [{ name: block.name, input: block.input }] : [])),
      promptTokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
      completionTokens: usage.output_tokens,
    };
  },

  ollama: async ({ origin: host, apiKey }, { system, question, tool, maxTokens }) => {
    const client = new Ollama({ host, headers: { authorization: `Bearer ${apiKey}` } });
    const { message, prompt_eval_count, eval_count } = await client.chat({
      model: MODEL,
      options: { temperature: 0, num_predict: maxTokens },
      messages: [
        ...(system === undefined ? [] : [{ role: "system", content: system }]),
        { role: "user", content: question },
        ...(tool === "answered"
          ? [
              { role: "assistant", content: "", tool_calls: [{ function: { name, arguments: input } }] },
              { role: "tool", content: result, tool_name: name },
            ]
          : []),
      ],
      ...(tool ? { tools: [{ type: "function", function: { name, description, parameters } }] } : {}),
    });
    return {
      text: message.content,
      calls: (message.tool_calls ?? []).map((one) => ({ name: one.function.name, input: one.function.arguments })),
      promptTokens: prompt_eval_count,
      completionTokens: eval_count,
    };
  },
};
