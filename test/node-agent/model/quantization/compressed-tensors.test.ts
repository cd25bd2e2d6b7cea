import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../../../node-agent/model/config.ts";
import { openSafetensors } from "../../../../node-agent/model/safetensors.ts";
import { encodeHeader } from "../../../support/model-safetensors.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { TINY_CONFIG } from "../../../support/model-tiny.ts";

type Tensors = Record<string, { dtype: string; shape: number[]; bytes: Uint8Array }>;

const WIDTH: Record<string, number> = { I8: 1, I32: 4, I64: 8, F32: 4, F16: 2, U8: 1 };
const zeros = (dtype: string, shape: number[]) => {
  const bytes = new Uint8Array((WIDTH[dtype] ?? 1) * shape.reduce((product, dim) => product * dim, 1));
  return { dtype, shape, bytes };
};
const integers = (...values: number[]) => {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { dtype: "I64", shape: [values.length], bytes };
};

/** A matrix [4, 64] in 4 bits with groups of 32, as it should be. */
const PACKED: Tensors = {
  "a.weight_packed": zeros("I32", [4, 8]),
  "a.weight_scale": zeros("F16", [4, 2]),
  "a.weight_shape": integers(4, 64),
};
const CHANNELS: Tensors = { "a.weight": zeros("I8", [4, 64]), "a.weight_scale": zeros("F32", [4, 1]) };

async function open(tensors: Tensors) {
  await using folder = await temporaryFolder();
  let end = 0;
  const header = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const data = Object.values(tensors).map(({ bytes }) => bytes);
  await writeFile(
    join(folder.path, "model.safetensors"),
    Buffer.concat([encodeHeader(Object.fromEntries(header)), ...data]),
  );
  const source = await openSafetensors(folder.path);
  try {
    return {
      shape: source.tensors.get("a.weight")?.shape,
      names: [...source.tensors.keys()],
      format: source.ints?.formatOf("a.weight"),
      values: await source.read("a.weight", 5, 70),
    };
  } finally {
    await source.close();
  }
}

describe("matrices in integers", () => {
  test("are listed once, by the name that they have in real numbers", async () => {
    const found = await open({ ...PACKED, "norm.weight": zeros("F32", [4]) });
    expect(found).toMatchObject({ shape: [4, 64], format: { bits: 4, block: 32 } });
    expect(found.names.toSorted()).toEqual(["a.weight", "norm.weight"]);
    expect(found.values).toEqual(new Float32Array(70).fill(-0));
    expect(await open(CHANNELS)).toMatchObject({ shape: [4, 64], names: ["a.weight"], format: { bits: 8, block: 64 } });
    const bytes = { ...PACKED, "a.weight_packed": zeros("I32", [4, 16]) };
    expect(await open(bytes)).toMatchObject({ format: { bits: 8, block: 32 } });
  });

  test.each<[string, Tensors]>([
    ["no scales", { "a.weight": zeros("I8", [4, 64]) }],
    ["no shape", { "a.weight_packed": zeros("I32", [4, 8]), "a.weight_scale": zeros("F16", [4, 2]) }],
    ["a shape of real numbers", { ...PACKED, "a.weight_shape": zeros("F32", [2]) }],
    ["a shape of three", { ...PACKED, "a.weight_shape": integers(4, 64, 1) }],
    ["a negative shape", { ...PACKED, "a.weight_shape": integers(-4, 64) }],
    ["an endless shape", { ...PACKED, "a.weight_shape": integers(4, 2 ** 62) }],
    ["more columns than levels", { ...PACKED, "a.weight_shape": integers(4, 640) }],
    ["more rows than levels", { ...PACKED, "a.weight_shape": integers(5, 64) }],
    ["fewer scales than rows", { ...PACKED, "a.weight_scale": zeros("F16", [3, 2]) }],
    ["no groups", { ...PACKED, "a.weight_scale": zeros("F16", [4, 0]) }],
    ["groups that divide no row", { ...PACKED, "a.weight_scale": zeros("F16", [4, 3]) }],
    ["groups of eight", { ...PACKED, "a.weight_scale": zeros("F16", [4, 8]) }],
    ["scales of three dimensions", { ...PACKED, "a.weight_scale": zeros("F16", [4, 2, 1]) }],
    ["zero points", { ...PACKED, "a.weight_zero_point": zeros("I32", [4, 2]) }],
    ["columns in another order", { ...PACKED, "a.weight_g_idx": zeros("I32", [64]) }],
    ["levels of bytes that are not signed", { ...PACKED, "a.weight_packed": zeros("U8", [4, 32]) }],
    ["levels of three dimensions", { ...CHANNELS, "a.weight": zeros("I8", [4, 8, 8]) }],
    ["scales that are no real numbers", { ...CHANNELS, "a.weight_scale": zeros("I8", [4, 1]) }],
  ])("with %s are refused by name", async (_, tensors) => {
    await expect(open(tensors)).rejects.toMatchObject({ code: "model_load_failed" });
  });

  test("of another method are refused by name", () => {
    const config = { ...TINY_CONFIG, quantization_config: { quant_method: "gptq", bits: 4 } };
    expect(() => parseConfig(config)).toThrow(/only compressed-tensors is supported/);
    expect(() => parseConfig({ ...TINY_CONFIG, quantization_config: "int4" })).toThrow(/quantization_config/);
    expect(parseConfig({ ...TINY_CONFIG, quantization_config: { quant_method: "compressed-tensors" } })).toBeDefined();
  });
});
