import { describe, expect, it } from "vitest";
import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { EmbedRequest } from "../../../shared/inference/embed.ts";
import { apiOver, MODEL, yielding } from "./support.ts";

const VECTOR = Float32Array.of(0.6, -0.8);

/** An API over a backend that keeps what it was asked and gives the same vector for every input. */
function recording(vector = VECTOR) {
  const asked: EmbedRequest[] = [];
  const embed: InferenceBackend["embed"] = async (request) => {
    asked.push(request);
    return { vectors: request.inputs.map(() => vector), promptTokens: 9 };
  };
  return { asked, api: apiOver(yielding(), [MODEL], embed) };
}

async function post(api: ReturnType<typeof apiOver>, body: unknown, signal?: AbortSignal): Promise<Response> {
  return await api.request("/v1/embeddings", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

describe("POST /v1/embeddings", () => {
  it("answers in OpenAI's shape", async () => {
    const { api } = recording(Float32Array.of(0.5, -0.5));
    const response = await post(api, { model: "m", input: ["a", "b"] });
    expect(await response.json()).toEqual({
      object: "list",
      model: "m",
      data: [0, 1].map((index) => ({ object: "embedding", index, embedding: [0.5, -0.5] })),
      usage: { prompt_tokens: 9, total_tokens: 9 },
    });
  });

  it("gives the same numbers as base64", async () => {
    const response = await post(recording().api, { model: "m", input: "a", encoding_format: "base64" });
    const { data } = (await response.json()) as { data: { embedding: string }[] }; // checked by what follows
    const bytes = Buffer.from(data[0]?.embedding ?? "", "base64");
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([...VECTOR]);
    expect(bytes).toHaveLength(8);
  });

  it.each([
    ["a text", "a", ["a"]],
    ["texts", ["a", ""], ["a", ""]],
    ["tokens", [1, 2], [[1, 2]]],
    ["tokens of texts", [[1, 2], [3]], [[1, 2], [3]]],
  ])("takes %s", async (_, input, inputs) => {
    const { api, asked } = recording();
    expect((await post(api, { model: "m", input })).status).toBe(200);
    expect(asked).toEqual([{ model: "m", inputs, truncate: false }]);
  });

  it("passes on what changes the vectors", async () => {
    const { api, asked } = recording();
    await post(api, { model: "m", input: "a", dimensions: 64, input_type: "query", truncate: true, user: "me" });
    expect(asked).toEqual([{ model: "m", inputs: ["a"], dimensions: 64, purpose: "query", truncate: true }]);
  });

  it.each([
    ["model", { input: "a" }],
    ["input", { model: "m" }],
    ["input", { model: "m", input: [] }],
    ["input", { model: "m", input: Array.from({ length: 2049 }, () => "a") }],
    ["input", { model: "m", input: ["a", 1] }],
    ["input", { model: "m", input: [1, "a"] }],
    ["input[1]", { model: "m", input: ["a", true] }],
    ["input[0]", { model: "m", input: [[]] }],
    ["encoding_format", { model: "m", input: "a", encoding_format: "int8" }],
    ["dimensions", { model: "m", input: "a", dimensions: 0 }],
    ["voice", { model: "m", input: "a", voice: "x" }],
  ])("names what is wrong: %s", async (param, body) => {
    const { api, asked } = recording();
    const response = await post(api, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param } });
    expect(asked).toEqual([]);
  });

  it("tells the backend that the client left", async () => {
    const left = new AbortController();
    const seen = Promise.withResolvers<void>();
    const api = apiOver(yielding(), [MODEL], (_request, signal) => {
      signal.addEventListener("abort", () => seen.resolve());
      left.abort();
      return new Promise(() => undefined);
    });
    const response = await post(api, { model: "m", input: "a" }, left.signal);
    await seen.promise;
    expect(response.status).toBe(408);
  });
});
