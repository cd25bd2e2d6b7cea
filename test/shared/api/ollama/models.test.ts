import { Ollama } from "ollama";
import { describe, expect, it } from "vitest";
import type { EmbedRequest } from "../../../../shared/inference/embed.ts";
import { type Api, apiOver, MODEL, yielding } from "../support.ts";

const clientOf = (api: Api): Ollama =>
  new Ollama({ host: "http://localhost", fetch: async (url, init) => await api.request(new Request(url, init)) });

describe("models", () => {
  const models = [
    MODEL,
    { ...MODEL, name: "vectors", task: "embed" as const, loaded: false, parameters: 1_700_000_000 },
  ];
  const client = clientOf(apiOver(yielding(), models));

  it("are listed, those in memory too", async () => {
    const { models: listed } = await client.list();
    expect(listed).toMatchObject([
      { name: "starter", model: "starter", size: 587_500, details: { family: "llama", parameter_size: "1.0M" } },
      { name: "vectors", details: { parameter_size: "1.7B", quantization_level: "int4" } },
    ]);
    const digests = listed.map(({ digest }) => digest);
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(new Set(digests).size).toBe(2);
    expect((await client.ps()).models).toMatchObject([{ name: "starter", context_length: 512 }]);
  });

  it("are shown one by one", async () => {
    expect(await client.show({ model: "starter:latest" })).toMatchObject({
      capabilities: ["completion", "tools"],
      model_info: { "general.architecture": "llama", "llama.context_length": 512 },
    });
    expect((await client.show({ model: "vectors" })).capabilities).toEqual(["embedding"]);
    await expect(client.show({ model: "x" })).rejects.toMatchObject({ status_code: 404 });
  });

  it("have a version of the API", async () => {
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe("embeddings", () => {
  it("are asked for in both ways", async () => {
    const seen: EmbedRequest[] = [];
    const client = clientOf(
      apiOver(yielding(), [MODEL], async (request) => {
        seen.push(request);
        return { vectors: request.inputs.map((_, i) => Float32Array.of(i, 0.5)), promptTokens: 5 };
      }),
    );
    const { embeddings, prompt_eval_count: tokens } = await client.embed({
      model: "v",
      input: ["a", "b"],
      dimensions: 2,
    });
    expect({ embeddings, tokens }).toEqual({
      embeddings: [
        [0, 0.5],
        [1, 0.5],
      ],
      tokens: 5,
    });
    expect(await client.embeddings({ model: "v", prompt: "c" })).toEqual({ embedding: [0, 0.5] });
    await client.embed({ model: "v", input: "d", truncate: false, keep_alive: "1m" });
    expect(seen).toEqual([
      { model: "v", inputs: ["a", "b"], dimensions: 2, truncate: true },
      { model: "v", inputs: ["c"], truncate: true },
      { model: "v", inputs: ["d"], truncate: false, keepAliveMs: 60_000 },
    ]);
  });
});
