import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openModelTensors } from "../../../../node-agent/model/model-files.ts";
import { quantizeInt4 } from "../../../../node-agent/model/quantize.ts";
import { readModel } from "../../../../node-agent/model/registry.ts";
import { openSafetensors, readSafetensorsHeaders } from "../../../../node-agent/model/safetensors.ts";
import { STARTER } from "../../../support/engine-starter.ts";
import { starterGguf } from "../../../support/gguf-starter.ts";
import { largestDifference, readReferenceLogits } from "../../../support/model-starter.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { loadUnder, quantizeInto } from "../../../support/quantize-starter.ts";

let parent: string;
let removal: AsyncDisposable;
beforeAll(async () => {
  const temporary = await temporaryFolder();
  [parent, removal] = [temporary.path, temporary];
});
afterAll(() => removal[Symbol.asyncDispose]());

const UP = "model.layers.3.mlp.up_proj";

describe("the folder", () => {
  test("reads by the letter of compressed-tensors", async () => {
    const { folder } = await quantizeInto(parent, { block: 32 });
    const [shard] = await readSafetensorsHeaders(folder);
    if (shard === undefined) throw new Error("There is no file.");
    const bytes = await readFile(shard.path);
    const part = (name: string) => {
      const tensor = shard.tensors.get(name);
      if (tensor === undefined) throw new Error(`There is no ${name}.`);
      return { ...tensor, view: new DataView(bytes.buffer, bytes.byteOffset + tensor.offset, tensor.bytes) };
    };
    const packed = part(`${UP}.weight_packed`);
    const scales = part(`${UP}.weight_scale`);
    const shape = part(`${UP}.weight_shape`);
    expect([packed.dtype, packed.shape]).toEqual(["I32", [704, 32]]);
    expect([scales.dtype, scales.shape]).toEqual(["F16", [704, 8]]);
    expect([shape.view.getBigInt64(0, true), shape.view.getBigInt64(8, true)]).toEqual([704n, 256n]);
    await using source = await disposable(openSafetensors(folder));
    const found = await source.read(`${UP}.weight`, 0, 704 * 256);
    const original = await originalValues(`${UP}.weight`);
    const rounded = quantizeInt4(original, 256, 32);
    for (let i = 0; i < found.length; i += 97) {
      const word = packed.view.getInt32(4 * Math.floor(i / 8), true);
      const level = ((word >> (4 * (i % 8))) & 15) - 8;
      const scale = scales.view.getFloat16(2 * Math.floor(i / 32), true);
      expect(found[i]).toBe(Math.fround(level * scale));
      expect(level).toBe((((rounded.levels[i >> 1] ?? 0) >> (i % 2 === 0 ? 0 : 4)) & 15) - 8);
    }
    const config: unknown = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    expect(config).toMatchObject({
      architectures: ["LlamaForCausalLM"],
      tie_word_embeddings: true,
      quantization_config: {
        quant_method: "compressed-tensors",
        format: "mixed-precision",
        config_groups: {
          group_0: { targets: ["Linear"], format: "pack-quantized", weights: { num_bits: 4, group_size: 32 } },
          group_1: { targets: ["model.embed_tokens"], format: "int-quantized", weights: { strategy: "channel" } },
        },
      },
    });
  });

  test("is listed as a model of the original's size that runs as it is", async () => {
    const { folder } = await quantizeInto(parent, {});
    const original = await readModel(STARTER);
    const found = await readModel(folder);
    if (!original.usable || !found.usable) throw new Error("Both are usable.");
    expect(found.info).toMatchObject({ quantization: "int4", parameters: original.info.parameters });
  });
});

/** The largest logit of the starter is about 20; activations are rounded to 8 bits in both cases, in other places. */
const TOLERANCE = 0.6;

test.each([
  [
    "int4",
    {
      block: 32,
      embedding: "int4",
      output_layer: "int4",
      tensors: [
        { match: "*.v_proj.weight", weights: "int8" },
        { match: "*.2.*.k_proj.weight", weights: "fp32" },
      ],
    },
  ],
  ["int8", { weights: "int8", embedding: "fp32", output_layer: "int4" }],
] as const)("%s with %j runs in the numbers that the file holds", async (quantization, recipe) => {
  const { folder, errors } = await quantizeInto(parent, recipe);
  expect(errors.every(({ weightError }) => weightError > 0 && weightError < 0.15)).toBe(true);
  const info = await readModel(folder);
  expect(info).toMatchObject({ usable: true, info: { quantization } });
  const [reference] = await readReferenceLogits();
  const prompt = reference?.prompt_ids ?? [];
  await using own = await loadUnder(parent, folder, quantization);
  // Decoded to real numbers: the slow twin of every kernel.
  await using exact = await loadUnder(parent, folder, "fp32");
  const logits = (await exact.prefill(0, prompt, 0)).slice();
  expect(largestDifference(await own.prefill(0, prompt, 0), logits)).toBeLessThan(TOLERANCE);
});

test("Q4_0 and Q8_0 go over bit for bit", async () => {
  // Its embedding is Q8_0.
  const path = join(parent, "starter-q4.gguf");
  await writeFile(path, await starterGguf("Q4_0"));
  const { folder } = await quantizeInto(parent, {}, { path });
  await using gguf = await disposable(openModelTensors(path));
  await using own = await disposable(openSafetensors(folder));
  for (const name of [`${UP}.weight`, "model.layers.0.self_attn.q_proj.weight", "model.embed_tokens.weight"]) {
    expect(own.ints?.formatOf(name)).toEqual(gguf.ints?.formatOf(name));
    expect(await own.ints?.read(name, 0, 128)).toEqual(await gguf.ints?.read(name, 0, 128));
  }
  expect(await readModel(folder)).toMatchObject({ usable: true, info: { quantization: "int4" } });
});

async function originalValues(name: string): Promise<Float32Array> {
  await using source = await disposable(openSafetensors(STARTER));
  return await source.read(name, 0, source.tensors.get(name)?.elements ?? 0);
}

/** What has a `close`, closed when it goes out of scope. */
async function disposable<T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T & AsyncDisposable> {
  const opened = await opening;
  return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() });
}
