import { describe, expect, test } from "vitest";
import { compareWithLlama, STEPS, toleranceOf } from "../../support/llama-cpp-compare.ts";
import { compareStarter } from "../../support/llama-cpp-starter.ts";
import { COMPARED_MODELS } from "../../support/llama-cpp-models.ts";

/** The whole table is made by test/campaign/llama-cpp.ts; these show in seconds that the comparison holds. */
const CASES = [
  ["Llama", { gguf: "F16" }],
  ["Llama", { gguf: "Q4_0" }],
  ["Qwen3", { safetensors: "BF16" }],
  ["Qwen3", { gguf: "Q8_0" }],
  ["Gemma 3", { gguf: "Q4_K" }],
] as const;

describe("llama.cpp computes the same", () => {
  test.each(CASES)("%s, %o", async (name, format) => {
    const model = COMPARED_MODELS.get(name);
    if (model === undefined) throw new Error(`There is no model ${name}.`);
    const { agreeing, preference, difference } = await compareWithLlama(model, format);
    const tolerance = toleranceOf(format, model);
    expect(difference).toBeLessThan(tolerance);
    expect(preference).toBeLessThan(tolerance);
    expect(agreeing).toBeGreaterThan(STEPS * 0.75);
  });

  test("the starter in Q4_0: answers, perplexity and tokens of texts", async () => {
    const [row] = await compareStarter([["Q4_0", ["fp32"]]], { prompts: 4, documents: 2 });
    if (row === undefined) throw new Error("Nothing was compared.");
    expect(row.agreeing).toBe(row.tokens);
    expect(row.tokens).toBeGreaterThan(50);
    expect(Math.abs(row.perplexity / row.llamaPerplexity - 1)).toBeLessThan(0.002);
    expect(row.tokenised).toBe(row.documents);
  });

  test("and would not if one constant were another", async () => {
    const model = COMPARED_MODELS.get("Llama");
    if (model === undefined) throw new Error("There is no Llama.");
    const found = await compareWithLlama(model, { gguf: "F32" }, { "llama.rope.freq_base": { f32: 4000 } });
    expect(found.difference).toBeGreaterThan(toleranceOf({ gguf: "F32" }, model) * 1000);
  });
});
