import Anthropic, { AuthenticationError, BadRequestError, NotFoundError } from "@anthropic-ai/sdk";
import { expect } from "vitest";
import { type Checks, COLOUR, HELLO, MODEL, type Place, WEATHER } from "./place.ts";

const clientAt = ({ origin: baseURL, apiKey }: Place): Anthropic => new Anthropic({ baseURL, apiKey, maxRetries: 0 });

const hello = { model: MODEL, max_tokens: 64, messages: [{ role: "user" as const, content: HELLO }] };

/** `@anthropic-ai/sdk` against the Anthropic dialect. */
export const anthropicChecks: Checks = {
  models: async (place) => {
    const client = clientAt(place);
    const ids: string[] = [];
    for await (const { id } of client.models.list({ limit: 1 })) ids.push(id);
    expect(ids).toContain(MODEL);
    // Only those that can chat.
    expect(ids).not.toContain("vectors");
    expect(await client.models.retrieve(MODEL)).toMatchObject({ type: "model", display_name: MODEL });
  },

  chat: async (place) => {
    const message = await clientAt(place).messages.create({ ...hello, system: "You are helpful." });
    expect(message).toMatchObject({ role: "assistant", stop_reason: "end_turn", model: MODEL });
    expect(message.usage.output_tokens).toBeGreaterThan(5);
    expect(message.content).toHaveLength(1);
    const short = await clientAt(place).messages.create({ ...hello, max_tokens: 3 });
    expect(short).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 3 } });
    const stopped = await clientAt(place).messages.create({ ...hello, stop_sequences: ["nonsense", "starter"] });
    expect(stopped).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "starter" });
    expect(stopped.content).toMatchObject([{ type: "text", text: "I'm the " }]);
  },

  stream: async (place) => {
    const client = clientAt(place);
    const whole = await client.messages.create(hello);
    const stream = client.messages.stream(hello);
    const pieces: string[] = [];
    stream.on("text", (text) => pieces.push(text));
    const streamed = await stream.finalMessage();
    expect(pieces.length).toBeGreaterThan(3);
    expect(streamed.content).toEqual(whole.content);
    const promptTokens = ({ usage }: Anthropic.Message) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
    expect(promptTokens(streamed)).toBe(promptTokens(whole));
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    expect(stream.request_id).toBeTruthy();
  },

  tools: async (place) => {
    const client = clientAt(place);
    const tools: Anthropic.Tool[] = [
      { name: WEATHER.name, description: WEATHER.description, input_schema: WEATHER.schema },
    ];
    const question = { role: "user" as const, content: WEATHER.question };
    const first = await client.messages.create({ ...hello, messages: [question], tools });
    expect(first.stop_reason).toBe("tool_use");
    const use = first.content.find((block) => block.type === "tool_use");
    expect(use).toMatchObject({ name: WEATHER.name, input: { city: "Paris" } });
    const streamed = await client.messages.stream({ ...hello, messages: [question], tools }).finalMessage();
    expect(streamed.content.find((block) => block.type === "tool_use")).toMatchObject({ input: { city: "Paris" } });
    const asked = { role: "assistant" as const, content: first.content };
    const result = { type: "tool_result" as const, tool_use_id: use?.id ?? "", content: WEATHER.result };
    const answered = { role: "user" as const, content: [result] };
    const second = await client.messages.create({ ...hello, messages: [question, asked, answered], tools });
    expect(second.stop_reason).toBe("end_turn");
    expect(JSON.stringify(second.content)).toContain("21");
    const forced = await client.messages.create({ ...hello, tools, tool_choice: { type: "tool", name: WEATHER.name } });
    expect(forced.stop_reason).toBe("tool_use");
  },

  "structured output": async (place) => {
    const format = { type: "json_schema" as const, schema: COLOUR };
    const message = await clientAt(place).messages.create({ ...hello, output_config: { format } });
    const [block] = message.content;
    expect(["red", "green"]).toContain(
      block?.type === "text" ? (JSON.parse(block.text) as { colour: string }).colour : block, // held to the schema
    );
  },

  "token count": async (place) => {
    const client = clientAt(place);
    const { messages } = hello;
    const { input_tokens: counted } = await client.messages.countTokens({ model: MODEL, messages });
    const { usage } = await client.messages.create(hello);
    expect(counted).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
    const long = [{ role: "user" as const, content: "word ".repeat(5000) }];
    expect((await client.messages.countTokens({ model: MODEL, messages: long })).input_tokens).toBeGreaterThan(5000);
  },

  errors: async (place) => {
    const client = clientAt(place);
    const stranger = clientAt({ ...place, apiKey: `${place.apiKey.slice(0, -1)}!` });
    await expect(stranger.messages.create(hello)).rejects.toBeInstanceOf(AuthenticationError);
    const unknown = client.messages.create({ ...hello, model: "claude" });
    await expect(unknown).rejects.toBeInstanceOf(NotFoundError);
    await expect(unknown).rejects.toMatchObject({ type: "not_found_error", requestID: expect.stringMatching(/./) });
    const long = client.messages.create({ ...hello, messages: [{ role: "user", content: "word ".repeat(5000) }] });
    await expect(long).rejects.toBeInstanceOf(BadRequestError);
    await expect(long).rejects.toThrow(/\d{4,5} tokens long/);
    const thinking = client.messages.create({ ...hello, container: "mine" });
    await expect(thinking).rejects.toThrow("'container'");
    // The older way to show a key.
    const headers = { "x-api-key": place.apiKey, "anthropic-version": "2023-06-01" };
    expect((await fetch(`${place.origin}/v1/models/${MODEL}`, { headers })).status).toBe(200);
  },

  abort: async (place) => {
    const messages = [{ role: "user" as const, content: "Tell me a long story." }];
    const stream = await clientAt(place).messages.create({
      model: MODEL,
      messages,
      max_tokens: 900,
      stream: true,
      output_config: {
        format: { type: "json_schema", schema: { type: "array", minItems: 400, items: { type: "integer" } } },
      },
    });
    for await (const event of stream) if (event.type === "content_block_delta") break;
    stream.controller.abort();
    await expect.poll(() => place.running()).toBe(0);
  },
};
