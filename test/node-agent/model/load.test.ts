import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadDecoder } from "../../../node-agent/model/load.ts";
import { slowModel } from "../../support/model-slow.ts";
import { largestDifference } from "../../support/model-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { TINY_CONFIG, TINY_MODELS, tinyTensors, writeTinyModel } from "../../support/model-tiny.ts";
import { writeTinyLlama } from "../../support/model-tiny-llama.ts";

const TOKENS = [3, 99, 17, 0, 42, 42, 7];
const loadFailed = expect.objectContaining({ name: "PorchlightError", code: "model_load_failed" });

function slowLogits(seed: number, tied = false): Float32Array {
  const tensors = [...tinyTensors({ config: TINY_CONFIG }, seed)];
  const weights = new Map(tensors.map(([name, { values }]) => [name, values]));
  const logits = slowModel({ ...TINY_CONFIG, tie_word_embeddings: tied }, weights, TOKENS).at(-1);
  return Float32Array.from(logits ?? []);
}

async function fastLogits(folder: string, cacheDir: string, quantization: "fp32" | "int8" | "int4" = "fp32") {
  const decoder = await loadDecoder({ folder, quantization, cacheDir, slots: 1, threads: 1 });
  try {
    return (await decoder.prefill(0, TOKENS, 0)).slice();
  } finally {
    await decoder.dispose();
  }
}

describe("a Llama of odd sizes", () => {
  // Relative to logits of about 5: rounding to 8 and to 4 bits of random weights, which hide nothing.
  test.each([
    ["fp32", 1e-4],
    ["int8", 0.5],
    ["int4", 3],
  ] as const)("%s equals the slow one within %d", async (quantization, tolerance) => {
    await using folder = await temporaryFolder();
    await writeTinyLlama(folder.path, 1);
    const expected = slowLogits(1);
    const difference = largestDifference(await fastLogits(folder.path, folder.path, quantization), expected);
    expect(difference).toBeLessThan(tolerance);
    expect(Math.max(...expected)).toBeGreaterThan(tolerance);
  });

  test("tied embeddings are the output projection", async () => {
    await using folder = await temporaryFolder();
    await writeTinyLlama(folder.path, 1, { config: { tie_word_embeddings: true } });
    const difference = largestDifference(await fastLogits(folder.path, folder.path), slowLogits(1, true));
    expect(difference).toBeLessThan(1e-4);
  });

  test("a token whose embedding is zero leaves numbers behind, in every quantisation", async () => {
    await using folder = await temporaryFolder();
    await writeTinyLlama(folder.path, 1, {
      tensors: ([embedding, ...rest]) =>
        embedding ? [{ ...embedding, bytes: (_, count) => new Uint8Array(count * 4) }, ...rest] : rest,
    });
    for (const quantization of ["fp32", "int8", "int4"] as const) {
      const logits = await fastLogits(folder.path, folder.path, quantization);
      expect(logits.every(Number.isFinite), quantization).toBe(true);
    }
  });
});

test("a LongRoPE model turns by the factors that are for its context", async () => {
  const model = TINY_MODELS["Phi-4-mini"];
  const { rope_scaling: scaling, original_max_position_embeddings: original } = model?.config ?? {};
  if (model === undefined || scaling === undefined) throw new Error("There is no tiny model with LongRoPE.");
  await using folder = await temporaryFolder();
  const weights = await writeTinyModel(folder.path, model);
  const tokens = Array.from({ length: 70 }, (_, i) => (i * 37) % 101);
  const slow = (factors: unknown) => {
    const config = { ...model.config, rope_scaling: { ...scaling, long_factor: factors } };
    return Float32Array.from(slowModel(config, weights, tokens).at(-1) ?? []);
  };
  const [short, long] = [slow(scaling["short_factor"]), slow(scaling["long_factor"])];
  expect(largestDifference(short, long)).toBeGreaterThan(0.5);
  const options = { folder: folder.path, quantization: "fp32", cacheDir: folder.path, slots: 1, threads: 1 } as const;
  // Back and forth: what is compiled for one must not serve the other.
  for (const contextLength of [original, 200, original, 81] as const) {
    const decoder = await loadDecoder({ ...options, ...(contextLength === undefined ? {} : { contextLength }) });
    const logits = (await decoder.prefill(0, tokens, 0)).slice();
    await decoder.dispose();
    const expected = contextLength === original ? short : long;
    expect(largestDifference(logits, expected), `context ${contextLength}`).toBeLessThan(1e-4);
  }
});

describe("a folder that does not fit its configuration", () => {
  test("a tensor is missing", async () => {
    await using folder = await temporaryFolder();
    await writeTinyLlama(folder.path, 1, {
      tensors: (all) => all.filter(({ name }) => !name.includes("2.mlp.up_proj")),
    });
    await expect(fastLogits(folder.path, folder.path)).rejects.toThrow(/no tensor model.layers.2.mlp.up_proj.weight/);
  });

  test("a tensor has another shape", async () => {
    await using folder = await temporaryFolder();
    await writeTinyLlama(folder.path, 1, { config: { intermediate_size: 91 } });
    await expect(fastLogits(folder.path, folder.path)).rejects.toThrow(
      /is \[90, 72\]; config.json calls for \[91, 72\]/,
    );
  });

  test("sizes beyond all memory are refused by the shapes, not by running out of it", async () => {
    await using folder = await temporaryFolder();
    await writeTinyLlama(folder.path, 1, { config: { vocab_size: 2 ** 20, hidden_size: 2 ** 20 } });
    await expect(fastLogits(folder.path, folder.path)).rejects.toThrow(/config.json calls for/);
  });

  test("nothing is left in the cache by a load that failed", async () => {
    await using folder = await temporaryFolder();
    await using cache = await temporaryFolder();
    await writeTinyLlama(folder.path, 1, { tensors: (all) => all.slice(0, -1) });
    await expect(fastLogits(folder.path, cache.path)).rejects.toEqual(loadFailed);
    expect(await readdir(cache.path)).toEqual([]);
  });
});

describe("what was compiled", () => {
  test("is rebuilt when its graph is damaged", async () => {
    await using folder = await temporaryFolder();
    await using cache = await temporaryFolder();
    await writeTinyLlama(folder.path);
    const before = await fastLogits(folder.path, cache.path);
    const [entry = ""] = await readdir(cache.path);
    const path = join(cache.path, entry, "model.onnx");
    const { length } = await readFile(path);
    await writeFile(path, new Uint8Array(length).fill(0xff));
    expect(largestDifference(await fastLogits(folder.path, cache.path), before)).toBe(0);
  });

  test("is rebuilt when its weights are cut off", async () => {
    await using folder = await temporaryFolder();
    await using cache = await temporaryFolder();
    await writeTinyLlama(folder.path);
    const before = await fastLogits(folder.path, cache.path);
    const [entry = ""] = await readdir(cache.path);
    await truncate(join(cache.path, entry, "model.weights"), 100);
    expect(largestDifference(await fastLogits(folder.path, cache.path), before)).toBe(0);
  });

  test("is replaced when the model's weights change", async () => {
    await using folder = await temporaryFolder();
    await using cache = await temporaryFolder();
    await writeTinyLlama(folder.path, 1);
    const before = await fastLogits(folder.path, cache.path);
    const entries = await readdir(cache.path);
    await writeTinyLlama(folder.path, 2);
    const after = await fastLogits(folder.path, cache.path);
    expect(largestDifference(after, before)).toBeGreaterThan(0.1);
    expect(largestDifference(after, slowLogits(2))).toBeLessThan(1e-4);
    const replaced = await readdir(cache.path);
    expect(replaced).toHaveLength(1);
    expect(replaced).not.toEqual(entries);
  });

  test("is one entry for each quantisation", async () => {
    await using folder = await temporaryFolder();
    await using cache = await temporaryFolder();
    await writeTinyLlama(folder.path);
    for (const quantization of ["fp32", "int8", "int4"] as const)
      await fastLogits(folder.path, cache.path, quantization);
    expect(await readdir(cache.path)).toHaveLength(3);
  });

  test("may be compiled by several at once", async () => {
    await using folder = await temporaryFolder();
    await using cache = await temporaryFolder();
    await writeTinyLlama(folder.path);
    const all = await Promise.all([1, 2, 3].map(() => fastLogits(folder.path, cache.path)));
    for (const logits of all) expect(largestDifference(logits, slowLogits(1))).toBeLessThan(1e-4);
    expect(await readdir(cache.path)).toHaveLength(1);
  });
});
