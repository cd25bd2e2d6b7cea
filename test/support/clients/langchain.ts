import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { expect } from "vitest";
import { distance, readExpected } from "../embedding-vectors.ts";
import { type Checks, COLOUR, HELLO, MODEL, type Place, WEATHER } from "./place.ts";

const optionsAt = ({ origin, apiKey }: Place) => ({
  apiKey,
  maxRetries: 0,
  configuration: { baseURL: `${origin}/v1` },
});
const modelAt = (place: Place, model = MODEL): ChatOpenAI => new ChatOpenAI({ ...optionsAt(place), model });

/** `@langchain/openai`. */
export const langchainChecks: Checks = {
  chat: async (place) => {
    const answer = await modelAt(place).invoke(HELLO);
    expect(answer.text).toMatch(/starter/i);
    expect(answer).toMatchObject({ usage_metadata: { input_tokens: 15 } });
  },

  stream: async (place) => {
    const whole = await modelAt(place).invoke(HELLO);
    const pieces: string[] = [];
    for await (const chunk of await modelAt(place).stream(HELLO)) pieces.push(chunk.text);
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(whole.text);
  },

  tools: async (place) => {
    const { name, description, schema: parameters, question, result } = WEATHER;
    const model = modelAt(place).bindTools([{ type: "function", function: { name, description, parameters } }]);
    const asked = new HumanMessage(question);
    const first = await model.invoke([asked]);
    expect(first.tool_calls).toMatchObject([{ name, args: { city: "Paris" } }]);
    const answered = new ToolMessage({ content: result, tool_call_id: first.tool_calls?.[0]?.id ?? "" });
    expect((await model.invoke([asked, first, answered])).text).toContain("21");
  },

  "structured output": async (place) => {
    const model = modelAt(place).withStructuredOutput<{ colour: string }>(COLOUR, {
      name: "colour",
      method: "jsonSchema",
      strict: true,
    });
    expect(["red", "green"]).toContain((await model.invoke(HELLO)).colour);
  },

  embeddings: async (place) => {
    const expected = await readExpected("bert-mean");
    const embeddings = new OpenAIEmbeddings({ ...optionsAt(place), model: "vectors" });
    const vectors = await embeddings.embedDocuments(expected.map(({ text }) => text));
    for (const [i, { vector }] of expected.entries()) expect(distance(vectors[i] ?? [], vector)).toBeLessThan(1e-4);
  },

  errors: async (place) => {
    await expect(modelAt(place, "gpt").invoke(HELLO)).rejects.toThrow(/'gpt'/);
    await expect(modelAt({ ...place, apiKey: "plk_live_wrong" }).invoke(HELLO)).rejects.toThrow(/API key/);
  },

  abort: async (place) => {
    const abort = new AbortController();
    const schema = { type: "array", minItems: 400, items: { type: "integer" } };
    const model = modelAt(place).withConfig({
      response_format: { type: "json_schema", json_schema: { name: "long", schema } },
    });
    const reading = (async () => {
      for await (const chunk of await model.stream(HELLO, { signal: abort.signal })) if (chunk.text) abort.abort();
    })();
    await expect(reading).rejects.toThrow(/abort/i);
    await expect.poll(() => place.running()).toBe(0);
  },
};
