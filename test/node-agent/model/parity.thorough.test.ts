import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decoder } from "../../../node-agent/engine/decoder.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import type { Quantization } from "../../../shared/inference/model.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { greedy, perplexity, readEvaluation, readReferenceLogits } from "../../support/model-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const evaluation = await readEvaluation();
const references = await readReferenceLogits();

/** Loads the starter once for the tests of a quantisation. */
function useStarter(quantization: Quantization): { decoder: Decoder } {
  const used: { decoder?: Decoder; folder?: AsyncDisposable } = {};
  beforeAll(async () => {
    const folder = await temporaryFolder();
    used.folder = folder;
    used.decoder = await loadDecoder({ folder: STARTER, quantization, cacheDir: folder.path, slots: 1 });
  });
  afterAll(async () => {
    await used.decoder?.dispose();
    await used.folder?.[Symbol.asyncDispose]();
  });
  return {
    get decoder() {
      if (used.decoder === undefined) throw new Error("The starter is not loaded.");
      return used.decoder;
    },
  };
}

/** Relative difference to the float32 perplexity over all predicted tokens. */
async function perplexityError(decoder: Decoder): Promise<{ all: number; assistant: number }> {
  const found = await perplexity(decoder, evaluation.documents);
  const expected = evaluation.float32;
  expect(found.allCount).toBe(expected.predicted_all);
  expect(found.assistantCount).toBe(expected.predicted_assistant);
  return { all: found.all / expected.ppl_all - 1, assistant: found.assistant / expected.ppl_assistant - 1 };
}

describe("fp32 against PyTorch", () => {
  const starter = useStarter("fp32");

  test.each(references.map((reference) => [reference.name, reference] as const))(
    "greedy tokens: %s",
    async (_, reference) => {
      const tokens = await greedy(starter.decoder, reference.prompt_ids, reference.greedy_ids.length);
      expect(tokens).toEqual(reference.greedy_ids);
    },
  );

  test.each(references.map((reference) => [reference.name, reference] as const))("logits: %s", async (_, reference) => {
    const logits = await starter.decoder.prefill(0, reference.prompt_ids, 0);
    const expected = reference.last_logits;
    expect(logits).toHaveLength(starter.decoder.vocabSize);
    for (const [id, logit] of [...expected.first8.entries(), ...expected.top5]) {
      expect(Math.abs((logits[id] ?? Number.NaN) - logit), `logit of token ${id}`).toBeLessThan(1e-3);
    }
    const mean = logits.reduce((sum, logit) => sum + logit, 0) / logits.length;
    expect(Math.abs(mean - expected.mean)).toBeLessThan(1e-3);
  });

  test("perplexity within 0.1%", async () => {
    const error = await perplexityError(starter.decoder);
    expect(Math.abs(error.all)).toBeLessThan(0.001);
    expect(Math.abs(error.assistant)).toBeLessThan(0.001);
  });
});

describe("int8 against PyTorch", () => {
  const starter = useStarter("int8");

  test("perplexity within 0.5%", async () => {
    const error = await perplexityError(starter.decoder);
    expect(Math.abs(error.all)).toBeLessThan(0.005);
    expect(Math.abs(error.assistant)).toBeLessThan(0.005);
  });
});

describe("int4 against PyTorch", () => {
  const starter = useStarter("int4");

  test("perplexity within 3%", async () => {
    const error = await perplexityError(starter.decoder);
    expect(Math.abs(error.all)).toBeLessThan(0.03);
    expect(Math.abs(error.assistant)).toBeLessThan(0.03);
  });
});
