import { describe, expect, test } from "vitest";
import { decodeBlocks } from "../../../../node-agent/model/gguf/blocks.ts";
import type { TensorTypeName } from "../../../../node-agent/model/gguf/tensor-types.ts";
import { encodeWeights } from "../../../support/gguf-encode.ts";

/** Half a step of each type, as a part of the largest weight: what rounding may cost, with the rounding of small scales. */
const LARGEST_ERROR: Readonly<Record<TensorTypeName, number>> = {
  F32: 0,
  F16: 2 ** -11,
  BF16: 2 ** -8,
  Q8_0: 0.005,
  Q6_K: 0.04,
  Q5_K: 0.05,
  Q5_1: 0.04,
  Q5_0: 0.07,
  Q4_K: 0.09,
  Q4_1: 0.07,
  Q4_0: 0.13,
  IQ4_NL: 0.13,
  Q3_K: 0.26,
  Q2_K: 0.4,
};

describe("weights written for a test are near what is read of them", () => {
  // Object.entries loses the key type.
  test.each(Object.entries(LARGEST_ERROR) as [TensorTypeName, number][])("%s", (type, limit) => {
    const weights = Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i * i) * (1 + (i % 50) / 50));
    const found = decodeBlocks(type, encodeWeights(type, weights));
    const errors = weights.map((weight, i) => Math.abs(weight - (found[i] ?? Number.NaN)));
    expect(Math.max(...errors) / 2).toBeLessThanOrEqual(limit);
    if (type !== "F32") expect(Math.max(...errors) / 2).toBeGreaterThan(limit / 20);
  });
});
