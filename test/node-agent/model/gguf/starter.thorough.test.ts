import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Decoder } from "../../../../node-agent/engine/decoder.ts";
import { readConfig } from "../../../../node-agent/model/config.ts";
import { dequantize } from "../../../../node-agent/model/quantize.ts";
import { openGgufTensors } from "../../../../node-agent/model/gguf/tensor-source.ts";
import { loadDecoder } from "../../../../node-agent/model/load.ts";
import { readModelConfig, readModelDefaults } from "../../../../node-agent/model/model-files.ts";
import { listLocalModels, resolveModel } from "../../../../node-agent/model/registry.ts";
import { openSafetensors } from "../../../../node-agent/model/safetensors.ts";
import type { Quantization } from "../../../../shared/inference/model.ts";
import { STARTER } from "../../../support/engine-starter.ts";
import type { TensorTypeName } from "../../../../node-agent/model/gguf/tensor-types.ts";
import { starterGguf } from "../../../support/gguf-starter.ts";
import {
  greedy,
  largestDifference,
  perplexity,
  readEvaluation,
  readReferenceLogits,
} from "../../../support/model-starter.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

/** The starter as GGUF files, in a folder of models. */
const folder = await temporaryFolder();
const models = join(folder.path, "models");
const paths = new Map<TensorTypeName, string>();
beforeAll(async () => {
  await mkdir(models);
  for (const type of ["F16", "Q8_0", "Q4_0"] as const) {
    const path = join(models, `starter-${type}.gguf`);
    await writeFile(path, await starterGguf(type));
    paths.set(type, path);
  }
});
afterAll(() => folder[Symbol.asyncDispose]());

function starter(type: TensorTypeName): string {
  return paths.get(type) ?? "";
}

async function load(path: string, quantization: Quantization = "fp32"): Promise<Decoder & AsyncDisposable> {
  const decoder = await loadDecoder({ folder: path, quantization, cacheDir: join(folder.path, "compiled"), slots: 1 });
  return Object.assign(decoder, { [Symbol.asyncDispose]: () => decoder.dispose() });
}

test.each([
  ["Q4_0", 4],
  ["Q8_0", 8],
] as const)("%s matrices are handed over in %i bits as they are, rows in order", async (type, bits) => {
  const source = await openGgufTensors(starter(type));
  const { ints } = source;
  expect(ints?.formatOf("model.embed_tokens.weight")?.bits).toBe(8);
  expect(ints?.formatOf("model.norm.weight")).toBeUndefined();
  for (const part of ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.down_proj"]) {
    const name = `model.layers.2.${part}.weight`;
    const [rows = 0, columns = 0] = source.tensors.get(name)?.shape ?? [];
    for (const [row, count] of [
      [0, rows],
      [5, 70],
      [rows - 1, 1],
    ] as const) {
      const format = ints?.formatOf(name);
      expect(format).toEqual({ bits, block: 32 });
      const stored = await ints?.read(name, row, count);
      if (format === undefined || stored === undefined) throw new Error(`${name} is not held in integers.`);
      const expected = await source.read(name, row * columns, count * columns);
      expect(largestDifference(dequantize(stored, format), expected)).toBe(0);
    }
  }
  await source.close();
});

describe("as F16, a GGUF file is the folder it was made from", () => {
  test("configuration and recommendations", async () => {
    const path = starter("F16");
    expect(await readModelConfig(path)).toEqual({ ...(await readConfig(STARTER)), eosTokenIds: [4091, 4089] });
    expect(await readModelDefaults(path)).toEqual({ temperature: 0 });
  });

  test("tensors, wherever reading begins and ends", async () => {
    const [gguf, safetensors] = await Promise.all([openGgufTensors(starter("F16")), openSafetensors(STARTER)]);
    const shapes = (source: typeof gguf) => new Map([...source.tensors].map(([name, { shape }]) => [name, shape]));
    expect(shapes(gguf)).toEqual(shapes(safetensors));
    const names = [...safetensors.tensors.keys()];
    const place = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), place, place, async (name, a, b) => {
        const elements = safetensors.tensors.get(name)?.elements ?? 0;
        const [start, end] = [Math.floor(Math.min(a, b) * elements), Math.floor(Math.max(a, b) * elements)];
        const expected = await safetensors.read(name, start, end - start);
        expect(largestDifference(await gguf.read(name, start, end - start), expected)).toBe(0);
      }),
      { numRuns: 200 },
    );
    await expect(gguf.read("model.norm.weight", 250, 10)).rejects.toThrow(RangeError);
    await expect(gguf.read("lm_head.weight", 0, 1)).rejects.toThrow(/no tensor/);
    await Promise.all([gguf.close(), safetensors.close()]);
  });

  test("answers and logits, exactly", async () => {
    await using gguf = await load(starter("F16"));
    await using original = await load(STARTER);
    for (const { prompt_ids: prompt, greedy_ids: expected } of await readReferenceLogits()) {
      expect(await greedy(gguf, prompt, expected.length)).toEqual(expected);
      const logits = await original.prefill(0, prompt, 0);
      expect(largestDifference(await gguf.prefill(0, prompt, 0), logits)).toBe(0);
    }
  });
});

/** Loss of perplexity on some of the evaluation set, beside the exact weights. */
test("quantised blocks cost as little as they should", async () => {
  const documents = (await readEvaluation()).documents.slice(0, 12);
  const measure = async (path: string, quantization: Quantization = "fp32") => {
    await using decoder = await load(path, quantization);
    return (await perplexity(decoder, documents)).all;
  };
  const exact = await measure(STARTER);
  const eight = (await measure(starter("Q8_0"))) / exact - 1;
  const four = (await measure(starter("Q4_0"))) / exact - 1;
  expect(Math.abs(eight)).toBeLessThan(0.005);
  expect(Math.abs(four)).toBeLessThan(0.06);
  expect(four).toBeGreaterThan(Math.abs(eight));
  // Carried over as they are: only activations and the output matrix are rounded, and no weight a second time.
  const carried = (await measure(starter("Q4_0"), "int4")) / exact - 1;
  expect(Math.abs(carried - four)).toBeLessThan(0.005);
});

test("the registry lists GGUF files beside folders, by their names", async () => {
  const path = starter("Q8_0");
  await writeFile(join(models, "broken.gguf"), "GGUF, or so it says, and a little more");
  const listed = await listLocalModels({ folders: [models] });
  const found = listed.find((model) => model.name === "starter-Q8_0");
  expect(found).toMatchObject({
    folder: path,
    usable: true,
    info: { name: "starter-Q8_0", contextLength: 1024, parameters: 5_475_584, architecture: "LlamaForCausalLM" },
  });
  expect(listed.find((model) => model.name === "broken")).toMatchObject({ usable: false });
  expect((await resolveModel(path, [])).name).toBe("starter-Q8_0");
  await expect(resolveModel(join(models, "missing.gguf"), [])).rejects.toMatchObject({ code: "model_not_found" });
});
