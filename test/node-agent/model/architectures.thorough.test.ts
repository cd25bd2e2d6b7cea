import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decoder } from "../../../node-agent/engine/decoder.ts";
import { ARCHITECTURES } from "../../../node-agent/model/architectures/all.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import type { Quantization } from "../../../shared/inference/model.ts";
import { type SlowWeights, slowModel } from "../../support/model-slow.ts";
import { argmax, greedy, largestDifference } from "../../support/model-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { architectureOf, TINY_MODELS, writeTinyModel } from "../../support/model-tiny.ts";

const PROMPT = [3, 99, 17, 0, 42, 42, 7, 64, 8, 1, 77];
const STEPS = 64;
/** Of logits that reach about 5: float32 against float64. */
const TOLERANCE = 1e-4;

test("every supported architecture is tested", () => {
  const tested = Object.values(TINY_MODELS).map(architectureOf);
  expect(new Set(tested)).toEqual(new Set(Object.keys(ARCHITECTURES)));
});

test("the published table has a row for each, with every greedy token equal", async () => {
  const table = await readFile(new URL("../../../node-agent/model/ARCHITECTURES.md", import.meta.url), "utf8");
  for (const [name, model] of Object.entries(TINY_MODELS)) {
    expect(table).toContain(`| ${name} | \`${architectureOf(model)}\` | ${STEPS} of ${STEPS} |`);
  }
});

describe.each(Object.entries(TINY_MODELS))("%s", (_, model) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let weights: SlowWeights;
  let decoder: Decoder;
  const load = (quantization: Quantization) =>
    loadDecoder({ folder: folder.path, quantization, cacheDir: folder.path, slots: 3, threads: 1 });
  const slow = (tokens: readonly number[]) =>
    slowModel(model.config, weights, tokens).map((row) => Float32Array.from(row));

  beforeAll(async () => {
    folder = await temporaryFolder();
    weights = await writeTinyModel(folder.path, model);
    decoder = await load("fp32");
  });
  afterAll(async () => {
    await decoder.dispose();
    await folder[Symbol.asyncDispose]();
  });

  test("greedy tokens and their logits are the slow model's", async () => {
    const generated = await greedy(decoder, PROMPT, STEPS);
    const tokens = [...PROMPT, ...generated.slice(0, -1)];
    const expected = slow(tokens);
    expect(generated).toEqual(expected.slice(PROMPT.length - 1).map(argmax));
    const all = await decoder.evaluate(1, tokens);
    const size = decoder.vocabSize;
    const differences = expected.map((row, i) => largestDifference(all.slice(i * size, (i + 1) * size), row));
    expect(Math.max(...differences)).toBeLessThan(TOLERANCE);
  });

  test("a prompt in chunks, and rows of a batch, give the same logits", async () => {
    const rows = [PROMPT, [...PROMPT, ...PROMPT].slice(3), PROMPT.slice(0, 4)];
    for (const [slot, row] of rows.entries()) {
      for (let past = 0; past < row.length - 1; past += 4) {
        await decoder.prefill(slot, row.slice(past, Math.min(past + 4, row.length - 1)), past);
      }
    }
    const batch = await decoder.decode(
      rows.map((row) => row.at(-1) ?? 0),
      rows.map((row) => row.length - 1),
    );
    for (const [slot, row] of rows.entries()) {
      const logits = batch.slice(slot * decoder.vocabSize, (slot + 1) * decoder.vocabSize);
      expect(largestDifference(logits, slow(row).at(-1) ?? new Float32Array()), `slot ${slot}`).toBeLessThan(TOLERANCE);
    }
  });

  // Rounding to 8 and to 4 bits of random weights, which hide nothing: relative to the largest logit.
  test.each([
    ["int8", 0.15],
    ["int4", 0.6],
  ] as const)("%s stays near", async (quantization, tolerance) => {
    const quantized = await load(quantization);
    try {
      const expected = slow(PROMPT).at(-1) ?? new Float32Array();
      const difference = largestDifference((await quantized.prefill(0, PROMPT, 0)).slice(), expected);
      expect(difference / Math.max(...expected.map(Math.abs))).toBeLessThan(tolerance);
      expect(difference).toBeGreaterThan(TOLERANCE);
    } finally {
      await quantized.dispose();
    }
  });
});
