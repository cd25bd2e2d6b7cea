import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchByLength } from "../../../node-agent/engine/embed-batches.ts";
import { createEmbedRunner } from "../../../node-agent/engine/embed-runner.ts";
import type { Embedder } from "../../../node-agent/engine/embedder.ts";
import type { EmbedRequest } from "../../../shared/inference/embed.ts";

const never = new AbortController().signal;
const MAX_TOKENS = 10;

/** A vector of a text's first two tokens; keeps what it was asked. A character is a token; 1 begins and 2 ends a text. */
function toy(options: { batches?: boolean; around?: boolean; onRun?: (runs: number) => void } = {}) {
  const runs: number[][][] = [];
  const embedder: Embedder = {
    dimensions: 3,
    maxTokens: MAX_TOKENS,
    batches: options.batches ?? true,
    embed: async (texts) => {
      const count = runs.push(texts.map((tokens) => [...tokens]));
      options.onRun?.(count);
      return texts.map((tokens) => Float32Array.of(tokens[1] ?? 0, tokens[2] ?? 0, 12));
    },
    dispose: async () => undefined,
  };
  const around = options.around ?? true;
  const tokenizer = {
    encode: (text: string) => Array.from(text, (character) => character.codePointAt(0) ?? 0),
    begin: around ? [1] : [],
    end: around ? [2] : [],
    vocabSize: 128,
  };
  const prompts = { query: "q:", document: "", default: "d" };
  const runner = createEmbedRunner({ embedder, tokenizer, prompts });
  const embed = (fields: Partial<EmbedRequest>, signal = never) =>
    runner.embed({ model: "m", inputs: ["a"], truncate: false, purpose: "document", ...fields }, signal);
  return { runs, embed };
}

describe("a request", () => {
  it("gets its vectors in the order of its inputs, whatever the batches were", async () => {
    const { embed, runs } = toy();
    const { vectors, promptTokens } = await embed({ inputs: ["ab", "cdefgh", [5], "xyz"] });
    expect(vectors.map((vector) => vector[0])).toEqual([97, 99, 5, 120]);
    expect(promptTokens).toBe(4 + 8 + 3 + 5);
    expect(runs.flat().map((tokens) => tokens.length)).toEqual([8, 5, 4, 3]);
  });

  it("runs one text at a time where the model cannot batch", async () => {
    const { embed, runs } = toy({ batches: false });
    await embed({ inputs: ["ab", "cd", "ef"] });
    expect(runs.map((texts) => texts.length)).toEqual([1, 1, 1]);
  });

  it("puts the prompt of its purpose before texts, and not before tokens", async () => {
    const { embed, runs } = toy();
    for (const purpose of ["query", "document", undefined] as const) {
      await embed({ inputs: ["a"], purpose });
    }
    await embed({ inputs: [[97]], purpose: "query" });
    expect(runs.flat()).toEqual([
      [1, 113, 58, 97, 2],
      [1, 97, 2],
      [1, 100, 97, 2],
      [1, 97, 2],
    ]);
  });

  it("with a text that is too long is refused with the numbers, or cut before its last token", async () => {
    const { embed, runs } = toy();
    await expect(embed({ inputs: ["a", "b".repeat(9)] })).rejects.toMatchObject({
      code: "context_length_exceeded",
      param: "input[1]",
      message: expect.stringContaining("Input 1 has 11 tokens, the model takes 10."),
    });
    expect(runs).toEqual([]);
    await embed({ inputs: ["b".repeat(9), "b".repeat(8)], truncate: true });
    expect(runs.flat()).toEqual([1, 2].map(() => [1, ...Array.from({ length: 8 }, () => 98), 2]));
  });

  it("gets shorter vectors, of length 1 again", async () => {
    const { vectors } = await toy().embed({ inputs: [[3, 4]], dimensions: 2 });
    expect(vectors).toEqual([Float32Array.of(0.6, 0.8)]);
  });

  it.each([
    ["dimensions", { dimensions: 4 }],
    ["input[0]", { inputs: [[128]] }],
  ])("that the model cannot answer names %s", async (param, fields) => {
    await expect(toy().embed(fields)).rejects.toMatchObject({ code: "invalid_request", param });
  });

  it("without a token is refused where nothing stands around a text", async () => {
    await expect(toy({ around: false }).embed({ inputs: [""] })).rejects.toMatchObject({ param: "input[0]" });
    expect((await toy().embed({ inputs: [""] })).promptTokens).toBe(2);
  });

  it("stops between two batches once it is cancelled", async () => {
    const left = new AbortController();
    const { embed, runs } = toy({ batches: false, onRun: (count) => count === 3 && left.abort() });
    const answer = embed({ inputs: Array.from({ length: 500 }, () => "a") }, left.signal);
    await expect(answer).rejects.toMatchObject({ code: "cancelled" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(runs.length).toBe(3);
  });

  it("takes turns with others", async () => {
    const { embed, runs } = toy({ batches: false });
    await Promise.all([
      embed({ inputs: Array.from({ length: 20 }, () => "a") }),
      embed({ inputs: Array.from({ length: 20 }, () => "b") }),
    ]);
    const firsts = runs.map((texts) => texts[0]?.[1]);
    expect(firsts.lastIndexOf(97)).toBeGreaterThan(20);
    expect(firsts.indexOf(98)).toBeLessThan(20);
  });
});

describe("batches", () => {
  it("hold every text once, few enough, and of like lengths", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 200 }), (lengths) => {
        const batches = batchByLength(lengths);
        expect(batches.flat().toSorted((a, b) => a - b)).toEqual([...lengths.keys()]);
        for (const batch of batches) {
          const its = batch.map((i) => lengths[i] ?? 0);
          const longest = Math.max(...its);
          expect(batch.length === 1 || (batch.length <= 32 && longest * batch.length <= 2048)).toBe(true);
          expect(Math.min(...its)).toBeGreaterThanOrEqual(longest * 0.75);
        }
      }),
    );
  });
});
