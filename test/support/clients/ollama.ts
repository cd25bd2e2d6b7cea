import { Ollama } from "ollama";
import { expect } from "vitest";
import { distance, readExpected } from "../embedding-vectors.ts";
import { type Checks, COLOUR, HELLO, MODEL, type Place, WEATHER } from "./place.ts";

const clientAt = ({ origin: host, apiKey }: Place): Ollama =>
  new Ollama({ host, headers: { authorization: `Bearer ${apiKey}` } });

const hello = { model: MODEL, messages: [{ role: "user", content: HELLO }] };

/** `ollama` against the Ollama dialect. */
export const ollamaChecks: Checks = {
  models: async (place) => {
    const client = clientAt(place);
    expect((await client.list()).models.map(({ name }) => name)).toContain(MODEL);
    expect((await client.show({ model: `${MODEL}:latest` })).capabilities).toContain("completion");
    expect((await client.show({ model: "vectors" })).capabilities).toEqual(["embedding"]);
    expect(await client.chat({ model: MODEL })).toMatchObject({ done_reason: "load" });
    expect((await client.ps()).models.map(({ name }) => name)).toContain(MODEL);
    expect((await client.version()).version).toMatch(/^\d/);
  },

  chat: async (place) => {
    const client = clientAt(place);
    const answer = await client.chat(hello);
    expect(answer).toMatchObject({ model: MODEL, done: true, done_reason: "stop", prompt_eval_count: 15 });
    expect(answer.message.content).toMatch(/starter model/i);
    expect(answer.eval_duration).toBeGreaterThan(0);
    expect(answer.prompt_eval_duration).toBeGreaterThan(0);
    expect(answer.total_duration).toBeGreaterThanOrEqual(answer.eval_duration);
    const short = await client.chat({ ...hello, options: { num_predict: 3 } });
    expect(short).toMatchObject({ done_reason: "length", eval_count: 3 });
    const stopped = await client.generate({ model: MODEL, prompt: HELLO, options: { stop: ["starter"] } });
    expect(stopped.response).toBe("I'm the ");
  },

  stream: async (place) => {
    const client = clientAt(place);
    const whole = await client.chat(hello);
    const pieces: string[] = [];
    let last;
    for await (const line of await client.chat({ ...hello, stream: true })) {
      if (!line.done) pieces.push(line.message.content);
      last = line;
    }
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(whole.message.content);
    expect(last).toMatchObject({
      done: true,
      eval_count: whole.eval_count,
      prompt_eval_count: whole.prompt_eval_count,
    });
  },

  tools: async (place) => {
    const client = clientAt(place);
    const { name, description, schema: parameters } = WEATHER;
    const tools = [{ type: "function", function: { name, description, parameters } }];
    const question = { role: "user", content: WEATHER.question };
    const { message } = await client.chat({ ...hello, messages: [question], tools });
    expect(message.tool_calls).toMatchObject([{ function: { name, arguments: { city: "Paris" } } }]);
    const result = { role: "tool", content: WEATHER.result, tool_name: name };
    const second = await client.chat({ ...hello, messages: [question, message, result], tools });
    expect(second.message.content).toContain("21");
  },

  "structured output": async (place) => {
    const answer = await clientAt(place).chat({ ...hello, format: COLOUR });
    expect(["red", "green"]).toContain((JSON.parse(answer.message.content) as { colour: string }).colour); // held to it
  },

  embeddings: async (place) => {
    const client = clientAt(place);
    const expected = await readExpected("bert-mean");
    const input = expected.map(({ text }) => text);
    const { embeddings } = await client.embed({ model: "vectors", input });
    for (const [i, { vector }] of expected.entries()) expect(distance(embeddings[i] ?? [], vector)).toBeLessThan(1e-4);
    const { embedding } = await client.embeddings({ model: "vectors", prompt: input[0] ?? "" });
    expect(distance(embedding, embeddings[0] ?? [])).toBeLessThan(1e-6);
  },

  errors: async (place) => {
    const client = clientAt(place);
    const stranger = clientAt({ ...place, apiKey: `${place.apiKey.slice(0, -1)}!` });
    await expect(stranger.chat(hello)).rejects.toMatchObject({ status_code: 401 });
    await expect(client.chat({ ...hello, model: "llama9" })).rejects.toMatchObject({ status_code: 404 });
    const long = client.chat({ ...hello, messages: [{ role: "user", content: "word ".repeat(5000) }] });
    await expect(long).rejects.toThrow(/\d{4,5} tokens long/);
    const image = client.chat({ ...hello, messages: [{ role: "user", content: "?", images: ["aGk="] }] });
    await expect(image).rejects.toThrow("'messages[0].images'");
  },

  abort: async (place) => {
    const client = clientAt(place);
    const stream = await client.chat({
      ...hello,
      stream: true,
      format: { type: "array", minItems: 400, items: { type: "integer" } },
    });
    const reading = (async () => {
      for await (const { done } of stream) if (!done) client.abort();
    })();
    await expect(reading).rejects.toThrow(/abort/i);
    await expect.poll(() => place.running()).toBe(0);
  },
};
