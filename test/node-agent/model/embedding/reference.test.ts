import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EmbeddingModel } from "../../../../node-agent/engine/embed-runner.ts";
import { loadEmbedder } from "../../../../node-agent/model/embedding/load.ts";
import {
  cosine,
  distance,
  readExpected,
  REFERENCE_MODELS,
  referenceFolder,
} from "../../../support/embedding-vectors.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

/** What float32 costs over the few layers of these models. */
const TOLERANCE = 2e-5;

let cache: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  cache = await temporaryFolder();
});
afterAll(() => cache[Symbol.asyncDispose]());

const load = (folder: string, quantization: "fp32" | "int8" | "int4"): Promise<EmbeddingModel> =>
  loadEmbedder({ folder, quantization, cacheDir: cache.path, threads: 1 });

describe.each(REFERENCE_MODELS)("%s", (name) => {
  test("gives the tokens and vectors of transformers, alone and in a batch", async () => {
    const expected = await readExpected(name);
    const { embedder, tokenizer } = await load(referenceFolder(name), "fp32");
    const ids = expected.map(({ text }) => [...tokenizer.begin, ...tokenizer.encode(text), ...tokenizer.end]);
    expect(ids).toEqual(expected.map((one) => one.ids));
    const together = await embedder.embed(ids);
    for (const [i, { vector }] of expected.entries()) {
      const [alone] = await embedder.embed([ids[i] ?? []]);
      expect(distance(together[i] ?? [], vector)).toBeLessThan(TOLERANCE);
      expect(distance(alone ?? [], vector)).toBeLessThan(TOLERANCE);
    }
    await embedder.dispose();
  });

  test("comes near them in 8 bits, whatever else is in the batch", async () => {
    const expected = await readExpected(name);
    const { embedder } = await load(referenceFolder(name), "int8");
    const ids = expected.map((one) => one.ids);
    const together = await embedder.embed(ids);
    for (const [i, { vector }] of expected.entries()) {
      const [alone] = await embedder.embed([ids[i] ?? []]);
      expect(cosine(together[i] ?? [], vector)).toBeGreaterThan(0.99);
      expect(cosine(together[i] ?? [], alone ?? [])).toBeGreaterThan(0.995);
    }
    await embedder.dispose();
  });
});
