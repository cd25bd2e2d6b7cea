import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decoder } from "../../../node-agent/engine/decoder.ts";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import type { Quantization } from "../../../shared/inference/model.ts";
import { STARTER } from "../../support/engine-starter.ts";
import { largestDifference, readReferenceLogits } from "../../support/model-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const SLOTS = 4;
const prompts = (await readReferenceLogits()).map((reference) => reference.prompt_ids);

/**
 * How far logits of the same tokens may be apart when they are computed in another grouping (one logit is about ten). fp32: the order of
 * sums. int4: activations are rounded to 8 bits row by row, so only the order of sums again, but it can tip a rounding. int8: one
 * activation scale for all rows of a call, so a row depends a little on its company.
 */
const TOLERANCE: Record<Quantization, number> = { fp32: 1e-4, int8: 0.75, int4: 0.25 };

describe.each(["fp32", "int8", "int4"] as const)("decoder at %s", (quantization) => {
  let decoder: Decoder;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const tolerance = TOLERANCE[quantization];

  beforeAll(async () => {
    folder = await temporaryFolder();
    decoder = await loadDecoder({ folder: STARTER, quantization, cacheDir: folder.path, slots: SLOTS });
  });
  afterAll(async () => {
    await decoder.dispose();
    await folder[Symbol.asyncDispose]();
  });

  const prompt = prompts.toSorted((a, b) => b.length - a.length)[0] ?? [];

  test("a prompt in chunks gives the logits of the prompt at once", async () => {
    const whole = (await decoder.prefill(0, prompt, 0)).slice();
    let chunked: Float32Array = whole;
    for (let past = 0; past < prompt.length; past += 7) {
      chunked = await decoder.prefill(1, prompt.slice(past, past + 7), past);
    }
    expect(largestDifference(chunked, whole)).toBeLessThan(tolerance);
  });

  test("one token at a time gives the logits of the prompt at once", async () => {
    const whole = (await decoder.prefill(0, prompt, 0)).slice();
    await decoder.prefill(0, prompt.slice(0, -3), 0);
    let last: Float32Array = whole;
    for (const [i, token] of prompt.slice(-3).entries()) last = await decoder.decode([token], [prompt.length - 3 + i]);
    expect(largestDifference(last, whole)).toBeLessThan(tolerance);
  });

  test("a batch over slots of different lengths gives what each slot gives alone", async () => {
    const rows = prompts.slice(0, SLOTS);
    const alone: Float32Array[] = [];
    for (const row of rows) {
      await decoder.prefill(0, row.slice(0, -1), 0);
      alone.push((await decoder.decode([row.at(-1) ?? 0], [row.length - 1])).slice());
    }
    for (const [slot, row] of rows.entries()) await decoder.prefill(slot, row.slice(0, -1), 0);
    const batch = await decoder.decode(
      rows.map((row) => row.at(-1) ?? 0),
      rows.map((row) => row.length - 1),
    );
    expect(new Set(rows.map((row) => row.length)).size).toBeGreaterThan(1);
    for (const [slot, expected] of alone.entries()) {
      const row = batch.subarray(slot * decoder.vocabSize, (slot + 1) * decoder.vocabSize);
      expect(largestDifference(row, expected), `slot ${slot}`).toBeLessThan(tolerance);
    }
  });

  test("a copied slot goes on like the original", async () => {
    const next = prompt.at(-1) ?? 0;
    const past = prompt.length - 1;
    await decoder.prefill(2, prompt.slice(0, -1), 0);
    const original = (await decoder.prefill(2, [next], past)).slice();
    await decoder.prefill(3, prompt.toReversed(), 0);
    decoder.copySlot(2, 3, past);
    expect(largestDifference(await decoder.prefill(3, [next], past), original)).toBe(0);
  });

  test("evaluate gives the logits after every token", async () => {
    const all = (await decoder.evaluate(0, prompt)).slice();
    expect(all).toHaveLength(prompt.length * decoder.vocabSize);
    for (const length of [1, 5, prompt.length]) {
      const row = all.subarray((length - 1) * decoder.vocabSize, length * decoder.vocabSize);
      const prefix = await decoder.prefill(1, prompt.slice(0, length), 0);
      expect(largestDifference(prefix, row), `${length} tokens`).toBeLessThan(tolerance);
    }
  });

  test("evaluate goes on over what a slot holds", async () => {
    const past = Math.floor(prompt.length / 2);
    const all = (await decoder.evaluate(0, prompt)).slice(past * decoder.vocabSize);
    await decoder.prefill(1, prompt.slice(0, past), 0);
    const rest = await decoder.evaluate(1, prompt.slice(past), past);
    expect(rest).toHaveLength(all.length);
    expect(largestDifference(rest, all)).toBeLessThan(tolerance);
  });

  test("keys and values taken out in pieces and put back elsewhere go on like the original", async () => {
    const { kv } = decoder;
    if (kv === undefined) throw new Error("The starter's cache can be taken apart.");
    const next = prompt.at(-1) ?? 0;
    const past = prompt.length - 1;
    await decoder.prefill(1, prompt.slice(0, -1), 0);
    const original = (await decoder.prefill(1, [next], past)).slice();
    const head = kv.read(1, 0, 7);
    const tail = kv.read(1, 5, past);
    expect(head.bytes).toBe(7 * kv.bytesPerPosition);
    await decoder.prefill(2, prompt.toReversed(), 0);
    kv.write(2, 0, head, 6);
    kv.write(2, 6, tail.slice(1, tail.length), past - 6);
    expect(largestDifference(await decoder.prefill(2, [next], past), original)).toBe(0);
    kv.trim([0, past, past, 0]);
    expect(largestDifference(await decoder.prefill(2, [next], past), original)).toBe(0);
    const batch = await decoder.decode([next, next, next], [0, past, past]);
    const row = batch.slice(decoder.vocabSize, 2 * decoder.vocabSize);
    expect(largestDifference(batch.subarray(2 * decoder.vocabSize), row)).toBe(0);
    expect(largestDifference(row, original)).toBeLessThan(tolerance);
  });

  test("a model mapped from the cache equals the one just compiled", async () => {
    const before = (await decoder.prefill(0, prompt, 0)).slice();
    const stages: string[] = [];
    const onProgress = (stage: string) => void stages.push(stage);
    const again = await loadDecoder({ folder: STARTER, quantization, cacheDir: folder.path, slots: 1, onProgress });
    try {
      expect(new Set(stages)).toEqual(new Set(["loading"]));
      expect(largestDifference(await again.prefill(0, prompt, 0), before)).toBe(0);
    } finally {
      await again.dispose();
    }
  });

  test("a step copies neither cache nor logits", async () => {
    await decoder.prefill(0, prompt, 0);
    // The cache of one slot is 6 MiB: with a copy a step these would be 600 MiB, and no collection could hide that.
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let i = 0; i < 100; i++) {
      await decoder.decode([i], [prompt.length + i]);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(most).toBeLessThan(1024 * 1024);
  });
});

describe("a decoder refuses what its kernels would not check", () => {
  let decoder: Decoder;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const options = {
      folder: STARTER,
      quantization: "int4",
      cacheDir: folder.path,
      slots: 2,
      contextLength: 16,
    } as const;
    decoder = await loadDecoder(options);
  });
  afterAll(async () => {
    await decoder.dispose();
    await folder[Symbol.asyncDispose]();
  });

  test("a context shorter than the model's", async () => {
    expect(decoder.contextLength).toBe(16);
    await decoder.prefill(
      1,
      Array.from({ length: 16 }, () => 1),
      0,
    );
    await expect(
      decoder.prefill(
        1,
        Array.from({ length: 17 }, () => 1),
        0,
      ),
    ).rejects.toThrow(RangeError);
    await expect(decoder.decode([1], [16])).rejects.toThrow(RangeError);
    await expect(decoder.decode([1], [-1])).rejects.toThrow(RangeError);
  });

  test("tokens that are none", async () => {
    for (const token of [-1, decoder.vocabSize, 1.5, Number.NaN]) {
      await expect(decoder.prefill(0, [token], 0)).rejects.toThrow(RangeError);
      await expect(decoder.decode([token], [0])).rejects.toThrow(RangeError);
    }
    await expect(decoder.prefill(0, [], 0)).rejects.toThrow(RangeError);
  });

  test("slots that are none", async () => {
    await expect(decoder.prefill(2, [1], 0)).rejects.toThrow(RangeError);
    await expect(decoder.decode([], [])).rejects.toThrow(RangeError);
    await expect(decoder.decode([1, 1, 1], [0, 0, 0])).rejects.toThrow(RangeError);
    await expect(decoder.decode([1, 1], [0])).rejects.toThrow(RangeError);
    expect(() => decoder.copySlot(0, 2, 1)).toThrow(RangeError);
    expect(() => decoder.copySlot(0, 1, 17)).toThrow(RangeError);
  });
});
