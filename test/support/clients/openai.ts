import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { expect } from "vitest";
import { distance, readExpected } from "../embedding-vectors.ts";
import { type Checks, COLOUR, HELLO, MODEL, type Place, WEATHER } from "./place.ts";

const clientAt = ({ origin, apiKey }: Place): OpenAI => new OpenAI({ baseURL: `${origin}/v1`, apiKey, maxRetries: 0 });

const hello = { model: MODEL, messages: [{ role: "user" as const, content: HELLO }] };

/** `openai` against the OpenAI dialect: in short, openai-sdk.test.ts has the rest. */
export const openaiChecks: Checks = {
  models: async (place) => {
    const client = clientAt(place);
    expect((await client.models.list()).data.map(({ id }) => id)).toContain(MODEL);
    expect((await client.models.retrieve(MODEL)).object).toBe("model");
  },

  chat: async (place) => {
    const { choices, usage } = await clientAt(place).chat.completions.create(hello);
    expect(choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: expect.stringMatching(/starter/i) },
    });
    expect(usage?.prompt_tokens).toBe(15);
  },

  responses: async (place) => {
    const client = clientAt(place);
    const whole = await client.responses.create({ model: MODEL, input: HELLO, instructions: "You are helpful." });
    expect(whole).toMatchObject({ status: "completed", output_text: expect.stringMatching(/\w/) });
    const request = { model: MODEL, input: HELLO, instructions: "You are helpful." };
    const streamed = await client.responses.stream(request).finalResponse();
    expect(streamed.output_text).toBe(whole.output_text);
    expect(streamed.usage?.total_tokens).toBe(whole.usage?.total_tokens);
    const { name, description, schema: parameters, question, result } = WEATHER;
    const tools = [{ type: "function" as const, name, description, parameters, strict: false }];
    const asked = { role: "user" as const, content: question };
    const { output } = await client.responses.create({ model: MODEL, input: [asked], tools });
    const call = output.find((item) => item.type === "function_call");
    expect(JSON.parse(call?.arguments ?? "")).toEqual({ city: "Paris" });
    const answered = { type: "function_call_output" as const, call_id: call?.call_id ?? "", output: result };
    // Items of an answer are items of the next request, whatever the package's types say of kinds that do not come here.
    const said = output as OpenAI.Responses.ResponseInput;
    const second = await client.responses.create({ model: MODEL, input: [asked, ...said, answered], tools });
    expect(second.output_text).toContain("21");
  },

  "kept responses": async (place) => {
    const client = clientAt(place);
    const conversation = await client.conversations.create({ items: [{ role: "user", content: HELLO }] });
    const asked = { model: MODEL, input: "And again?", conversation: conversation.id, truncation: "auto" as const };
    const first = await client.responses.create(asked);
    const items = await client.conversations.items.list(conversation.id, { order: "asc" });
    expect(items.data.map((item) => (item.type === "message" ? item.role : item.type))).toEqual([
      "user",
      "user",
      "assistant",
    ]);
    const next = { model: MODEL, input: HELLO, previous_response_id: first.id };
    const second = await client.responses.stream(next).finalResponse();
    expect(await client.responses.retrieve(second.id)).toMatchObject({ output_text: second.output_text });
    expect((await client.responses.inputItems.list(second.id)).data).toHaveLength(1);
    // What was streamed goes on behind any of its events.
    const events = await client.responses.retrieve(second.id, { stream: true, starting_after: 1 });
    let text = "";
    for await (const event of events) if (event.type === "response.output_text.delta") text += event.delta;
    expect(text).toBe(second.output_text);
    await client.responses.delete(second.id);
    await expect(client.responses.retrieve(second.id)).rejects.toBeInstanceOf(NotFoundError);
    await client.conversations.delete(conversation.id);
  },

  completions: async (place) => {
    const client = clientAt(place);
    // What the chat template makes of the question, so that the answer is the chat's.
    const prompt = `<|im_start|>user\n${HELLO}<|im_end|>\n<|im_start|>assistant\n`;
    const chat = await client.chat.completions.create({ ...hello, temperature: 0 });
    const request = { model: MODEL, prompt, max_tokens: 64, temperature: 0 };
    const whole = await client.completions.create(request);
    expect(whole).toMatchObject({ object: "text_completion", usage: { prompt_tokens: 15 } });
    expect(whole.choices).toMatchObject([{ text: chat.choices[0]?.message.content, finish_reason: "stop" }]);
    let text = "";
    for await (const { choices } of await client.completions.create({ ...request, stream: true }))
      text += choices[0]?.text;
    expect(text).toBe(whole.choices[0]?.text);
    const [told] = (await client.completions.create({ ...request, logprobs: 2 })).choices;
    expect(told?.logprobs?.tokens?.join("")).toBe(text);
    expect(Object.keys(told?.logprobs?.top_logprobs?.[0] ?? {})).toHaveLength(2);
    const [echoed] = (await client.completions.create({ ...request, echo: true })).choices;
    expect(echoed?.text).toBe(prompt + text);
    expect((await client.completions.create({ ...request, n: 2, max_tokens: 2 })).choices).toHaveLength(2);
  },

  stream: async (place) => {
    const client = clientAt(place);
    const whole = await client.chat.completions.create(hello);
    const streamed = await client.chat.completions.stream(hello).finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
  },

  tools: async (place) => {
    const { name, description, schema: parameters, question } = WEATHER;
    const { choices } = await clientAt(place).chat.completions.create({
      model: MODEL,
      messages: [{ role: "user", content: question }],
      tools: [{ type: "function", function: { name, description, parameters } }],
    });
    const call = choices[0]?.message.tool_calls?.[0];
    expect(call).toMatchObject({ type: "function", function: { name } });
    expect(call?.type === "function" ? JSON.parse(call.function.arguments) : undefined).toEqual({ city: "Paris" });
  },

  "structured output": async (place) => {
    const json_schema = { name: "colour", schema: COLOUR, strict: true };
    const { choices } = await clientAt(place).chat.completions.parse({
      ...hello,
      response_format: { type: "json_schema", json_schema },
    });
    expect(choices[0]?.message.parsed).toMatchObject({ colour: expect.stringMatching(/^(?:red|green)$/) });
  },

  embeddings: async (place) => {
    const expected = await readExpected("bert-mean");
    const { data } = await clientAt(place).embeddings.create({
      model: "vectors",
      input: expected.map(({ text }) => text),
    });
    for (const [i, { vector }] of expected.entries())
      expect(distance(data[i]?.embedding ?? [], vector)).toBeLessThan(1e-4);
  },

  errors: async (place) => {
    const client = clientAt(place);
    const stranger = clientAt({ ...place, apiKey: `${place.apiKey.slice(0, -1)}!` });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(AuthenticationError);
    await expect(client.chat.completions.create({ ...hello, model: "gpt" })).rejects.toBeInstanceOf(NotFoundError);
    const wanted = client.chat.completions.create({ ...hello, reasoning_effort: "high" });
    await expect(wanted).rejects.toBeInstanceOf(BadRequestError);
    await expect(wanted).rejects.toMatchObject({ code: "unsupported_parameter" });
  },

  abort: async (place) => {
    const schema = { type: "array", minItems: 400, items: { type: "integer" } };
    const stream = await clientAt(place).chat.completions.create({
      ...hello,
      stream: true,
      response_format: { type: "json_schema", json_schema: { name: "long", schema } },
    });
    for await (const { choices } of stream) if (choices[0]?.delta.content) break;
    stream.controller.abort();
    await expect.poll(() => place.running()).toBe(0);
  },
};
