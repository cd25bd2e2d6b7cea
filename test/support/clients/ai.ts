import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { expect } from "vitest";
import { distance, readExpected } from "../embedding-vectors.ts";
import { type Checks, COLOUR, HELLO, MODEL, type Place, WEATHER } from "./place.ts";

const providerAt = ({ origin, apiKey }: Place) =>
  createOpenAICompatible({
    name: "porchlight",
    baseURL: `${origin}/v1`,
    apiKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
const hello = (place: Place) => ({ model: providerAt(place)(MODEL), prompt: HELLO, maxRetries: 0 });

/** `ai` with its OpenAI-compatible provider. */
export const aiChecks: Checks = {
  chat: async (place) => {
    const { text, usage, finishReason } = await generateText(hello(place));
    expect(text).toMatch(/starter/i);
    expect(usage.inputTokens).toBe(15);
    expect(finishReason).toBe("stop");
  },

  stream: async (place) => {
    const whole = await generateText(hello(place));
    const stream = streamText(hello(place));
    const pieces: string[] = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(whole.text);
    expect((await stream.usage).outputTokens).toBe(whole.usage.outputTokens);
  },

  tools: async (place) => {
    const { description, schema, question } = WEATHER;
    const asked: unknown[] = [];
    const weather = tool({
      description,
      inputSchema: jsonSchema<{ city: string }>(schema),
      execute: async (input) => {
        asked.push(input);
        return { temperature: 21, condition: "sunny" };
      },
    });
    const { text } = await generateText({
      ...hello(place),
      prompt: question,
      tools: { get_weather: weather },
      stopWhen: ({ steps }) => steps.length === 2,
    });
    expect(asked).toEqual([{ city: "Paris" }]);
    expect(text).toContain("21");
  },

  "structured output": async (place) => {
    const output = Output.object({ schema: jsonSchema<{ colour: string }>(COLOUR) });
    const answer = await generateText({ ...hello(place), output });
    expect(["red", "green"]).toContain(answer.output.colour);
  },

  embeddings: async (place) => {
    const expected = await readExpected("bert-mean");
    const model = providerAt(place).embeddingModel("vectors");
    const { embeddings } = await embedMany({ model, values: expected.map(({ text }) => text), maxRetries: 0 });
    for (const [i, { vector }] of expected.entries()) expect(distance(embeddings[i] ?? [], vector)).toBeLessThan(1e-4);
  },

  errors: async (place) => {
    const unknown = generateText({ ...hello(place), model: providerAt(place)("gpt") });
    await expect(unknown).rejects.toBeInstanceOf(APICallError);
    await expect(unknown).rejects.toMatchObject({ statusCode: 404, message: expect.stringContaining("'gpt'") });
  },

  abort: async (place) => {
    const abort = new AbortController();
    const long = { type: "array" as const, minItems: 400, items: { type: "integer" as const } };
    const stream = streamText({
      ...hello(place),
      output: Output.object({ schema: jsonSchema(long) }),
      abortSignal: abort.signal,
      onError: () => undefined,
    });
    for await (const piece of stream.textStream) if (piece) abort.abort();
    await expect.poll(() => place.running()).toBe(0);
  },
};
