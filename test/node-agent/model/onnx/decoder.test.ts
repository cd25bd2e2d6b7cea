import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Decoder } from "../../../../node-agent/engine/decoder.ts";
import { readOnnxFiles } from "../../../../node-agent/model/onnx/files.ts";
import { inspectOnnx } from "../../../../node-agent/model/onnx/inspect.ts";
import { loadOnnxDecoder } from "../../../../node-agent/model/onnx/load.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const VECTORS = join(import.meta.dirname, "../../../vectors/onnx");
const rows = z.record(z.string(), z.array(z.number()));
const reference = z
  .object({
    prompt: z.array(z.number()),
    models: z.record(z.string(), z.object({ tokens: z.array(z.number()).length(64), logits: rows })),
  })
  .parse(JSON.parse(await readFile(join(VECTORS, "reference.json"), "utf8")));

/** Largest difference of a logit that is let pass: logits are up to 10, and float16 has 11 bits of precision. */
const MODELS = [
  { file: "hub/onnx/model.onnx", attention: "copied", tolerance: 2e-4 },
  { file: "hub/onnx/model_q4.onnx", attention: "copied", tolerance: 2e-3 },
  { file: "hub/onnx/model_quantized.onnx", attention: "batched", tolerance: 2e-3 },
  { file: "hub/onnx/model_fp16.onnx", attention: "batched", tolerance: 0.05 },
  { file: "genai/model.onnx", attention: "batched", tolerance: 2e-4 },
] as const;

const SLOTS = 3;
const { prompt } = reference;
const cache = await temporaryFolder();
afterAll(() => cache[Symbol.asyncDispose]());

async function load(file: string): Promise<Decoder> {
  const folder = join(VECTORS, file.split("/")[0] ?? "");
  const files = await readOnnxFiles(folder);
  if (files === undefined) throw new Error(`${folder} holds no ONNX model`);
  return await loadOnnxDecoder(
    { ...files, graphPath: join(VECTORS, file) },
    { folder: dirname(file), quantization: "fp32", cacheDir: cache.path, slots: SLOTS, threads: 1 },
  );
}

const largest = (logits: Float32Array): number => logits.indexOf(Math.max(...logits));
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

describe.each(MODELS)("$file", ({ file, attention, tolerance }) => {
  const expected = reference.models[file];
  if (expected === undefined) throw new Error(`There is no reference for ${file}`);
  let decoder: Decoder;
  beforeAll(async () => {
    decoder = await load(file);
  });
  afterAll(() => decoder.dispose());

  it("has the kind of attention it was made with, and a cache to take apart where that is in place", async () => {
    const files = await readOnnxFiles(join(VECTORS, file.split("/")[0] ?? ""));
    if (files === undefined) throw new Error("no files");
    const { signature } = await inspectOnnx({ ...files, graphPath: join(VECTORS, file) });
    expect(signature).toMatchObject({ attention, layers: 2, kvHeads: 2, headDim: 16, vocabSize: 64 });
    expect(decoder.kv !== undefined).toBe(attention === "batched");
    expect(decoder.contextLength).toBe(128);
  });

  it("gives the reference's 64 greedy tokens and logits", async () => {
    let logits = await decoder.prefill(0, prompt, 0);
    const tokens: number[] = [];
    for (let step = 0; step < expected.tokens.length; step++) {
      const wanted = expected.logits[String(step)];
      if (wanted !== undefined) expect(difference(wanted, logits)).toBeLessThan(tolerance);
      tokens.push(largest(logits));
      logits = await decoder.decode(tokens.slice(-1), [prompt.length + step]);
    }
    expect(tokens).toEqual(expected.tokens);
  });

  it("decodes slots of different lengths in one step as each by itself", async () => {
    const texts = [prompt.slice(0, 3), prompt, prompt.slice(0, 7)];
    const alone: Float32Array[] = [];
    for (const text of texts) alone.push((await decoder.evaluate(0, text)).slice(-64));
    for (const [slot, text] of texts.entries()) await decoder.prefill(slot, text.slice(0, -1), 0);
    const together = await decoder.decode(
      texts.map((text) => text.at(-1) ?? 0),
      texts.map((text) => text.length - 1),
    );
    // What is rounded to integers is rounded with one scale for all that is in a run.
    const slack = file.includes("quantized") ? 0.5 : tolerance;
    for (const [slot, logits] of alone.entries()) {
      expect(difference(logits, together.subarray(slot * 64, (slot + 1) * 64))).toBeLessThan(slack);
    }
  });

  it("goes on from a copied prefix, in another slot and after a longer text", async () => {
    await decoder.prefill(1, [...prompt, 9, 9, 9], 0);
    decoder.copySlot(1, 2, 8);
    const logits = (await decoder.prefill(2, prompt.slice(8), 8)).slice();
    const slack = file.includes("quantized") ? 0.5 : tolerance;
    expect(difference(expected.logits["0"] ?? [], logits)).toBeLessThan(slack);
    // The same slot goes back to where the texts part.
    expect(difference(logits, await decoder.prefill(1, prompt.slice(8), 8))).toBeLessThan(slack);
  });

  it("refuses slots, positions and tokens that are not there", async () => {
    await expect(decoder.prefill(SLOTS, [1], 0)).rejects.toThrow(RangeError);
    await expect(decoder.prefill(0, [1], 128)).rejects.toThrow(RangeError);
    await expect(decoder.prefill(0, [64], 0)).rejects.toThrow(RangeError);
    await expect(decoder.decode([1, 1], [0])).rejects.toThrow(RangeError);
    await expect(decoder.evaluate(0, [])).rejects.toThrow(RangeError);
  });
});

describe("a cache in place", () => {
  it("is taken out and put back", async () => {
    const decoder = await load("genai/model.onnx");
    const { kv } = decoder;
    if (kv === undefined) throw new Error("no cache");
    const whole = (await decoder.prefill(0, prompt, 0)).slice();
    const segment = kv.read(0, 0, 8);
    kv.write(1, 0, segment, 8);
    expect(difference(whole, await decoder.prefill(1, prompt.slice(8), 8))).toBeLessThan(2e-4);
    kv.trim([8, 0, 0]);
    expect(difference(whole, await decoder.prefill(0, prompt.slice(8), 8))).toBeLessThan(2e-4);
    await decoder.dispose();
  });
});
