import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { decodeBlocks } from "../../../../node-agent/model/gguf/blocks.ts";
import { INT_TYPES } from "../../../../node-agent/model/gguf/int-rows.ts";
import { dequantize } from "../../../../node-agent/model/quantize.ts";
import { TENSOR_TYPES, type TensorTypeName } from "../../../../node-agent/model/gguf/tensor-types.ts";
import { SLOW_TYPES, slowWeight } from "../../../support/gguf-slow-blocks.ts";

const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const vectorsSchema = z.partialRecord(
  // Object.keys loses the key type.
  z.enum(Object.keys(TENSOR_TYPES) as [TensorTypeName, ...TensorTypeName[]]),
  z.object({ blocks: base64, floats: base64 }),
);
const file = new URL("../../../vectors/gguf/blocks.json", import.meta.url);
const vectors = vectorsSchema.parse(JSON.parse(await readFile(file, "utf8")));

/** Equal, where a zero's sign and which NaN it is do not matter. */
function sameNumbers(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [found[i] ?? 0, expected[i] ?? 0];
    if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) expect.fail(`weight ${i} is ${a}, not ${b}`);
  }
}

describe("the gguf Python package decodes the same bits", () => {
  test.each(Object.entries(vectors))("%s", (type, { blocks, floats }) => {
    // Object.entries loses the key type.
    const found = decodeBlocks(type as TensorTypeName, blocks);
    sameNumbers(found, new Float32Array(floats.buffer, floats.byteOffset, floats.byteLength / 4));
  });

  test("vectors exist for every type that is not plain numbers", () => {
    expect(Object.keys(vectors)).toEqual(expect.arrayContaining(SLOW_TYPES));
  });
});

describe("any bits decode as in the slow twin", () => {
  test.each(SLOW_TYPES)("%s", (type) => {
    const { elements, bytes } = TENSOR_TYPES[type];
    const blocks = fc.uint8Array({ minLength: 2 * bytes, maxLength: 2 * bytes });
    fc.assert(
      fc.property(blocks, (data) => {
        const expected = Array.from({ length: 2 * elements }, (_, i) =>
          slowWeight(type, data.subarray(Math.floor(i / elements) * bytes), i % elements),
        );
        sameNumbers(decodeBlocks(type, data), expected);
      }),
      { numRuns: 20 },
    );
  });
});

test.each(["Q4_0", "Q8_0"] as const)("%s as rows of integers is the same numbers", (type) => {
  const { bytes } = TENSOR_TYPES[type];
  const int = INT_TYPES[type];
  if (int === undefined) throw new Error(`${type} is not held in integers.`);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 3 * bytes, maxLength: 3 * bytes }), (blocks) => {
      sameNumbers(decodeBlocks(type, blocks), [...dequantize(int.toRows(blocks), int.format)]);
    }),
  );
});

test("part of a block is refused", () => {
  expect(() => decodeBlocks("Q4_K", new Uint8Array(143))).toThrow(RangeError);
  expect(decodeBlocks("Q4_K", new Uint8Array(0))).toHaveLength(0);
});
