import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../../node-agent/engine/random.ts";
import { choleskyInPlace } from "../../../../node-agent/model/quantization/cholesky.ts";
import { fitScale } from "../../../../node-agent/model/quantization/fit-scale.ts";
import { factorInputs, gptq, outputSquares } from "../../../../node-agent/model/quantization/gptq.ts";
import { dequantize, quantizeInt4 } from "../../../../node-agent/model/quantize.ts";
import { openMatrixProduct } from "../../../../node-agent/runtime/matrix-product.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { slowMultiply } from "../../../support/quantize-starter.ts";

function noise(seed: number, length: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random() * 2 - 1);
}

/** Inputs [count, columns] that depend on each other, as those of a real layer do. */
async function correlated(seed: number, count: number, columns: number): Promise<Float32Array> {
  const few = Math.ceil(columns / 4);
  const shared = await slowMultiply(noise(seed, count * few), noise(seed + 1, few * columns), count, few, columns);
  const own = noise(seed + 2, count * columns);
  return shared.map((value, i) => value + 0.2 * (own[i] ?? 0));
}

async function gramOf(inputs: Float32Array, count: number, columns: number): Promise<Float32Array> {
  const turned = Float32Array.from(inputs, (_, i) => inputs[(i % count) * columns + Math.floor(i / count)] ?? 0);
  return await slowMultiply(turned, inputs, columns, count, columns);
}

describe("Cholesky factor", () => {
  test.each([1, 5, 64, 130])("times its transpose is the matrix: size %i", async (size) => {
    const gram = await gramOf(noise(size, (size + 8) * size), size + 8, size);
    const lower = gram.slice();
    await choleskyInPlace(lower, size, slowMultiply);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column <= row; column++) {
        let sum = 0;
        for (let k = 0; k <= column; k++) sum += (lower[row * size + k] ?? 0) * (lower[column * size + k] ?? 0);
        expect(Math.abs(sum - (gram[row * size + column] ?? 0))).toBeLessThan(1e-3);
      }
    }
  });

  test("there is none for a matrix that is not positive definite", async () => {
    await expect(choleskyInPlace(Float32Array.of(1, 2, 2, 1), 2, slowMultiply)).rejects.toThrow(RangeError);
    await expect(choleskyInPlace(Float32Array.of(Number.NaN), 1, slowMultiply)).rejects.toThrow(RangeError);
  });
});

test("the fitted scale costs no more than that of rounding to nearest", () => {
  const values = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(values, (list) => {
      const cost = (scale: number) =>
        list.reduce((sum, value) => {
          const level = scale === 0 ? 0 : Math.max(-8, Math.min(7, Math.round(value / scale)));
          return sum + (value - level * scale) ** 2;
        }, 0);
      const found = fitScale(Float64Array.from(list), new Float64Array(32).fill(1));
      const rounded = dequantize(quantizeInt4(Float32Array.from(list), 32, 32), { bits: 4, block: 32 });
      const nearest = list.reduce((sum, value, i) => sum + (value - (rounded[i] ?? 0)) ** 2, 0);
      // Scales are stored in half precision, which may cost a little.
      expect(cost(found)).toBeLessThanOrEqual(1.01 * nearest + 1e-4);
    }),
  );
});

test.each([
  [64, 64, 32],
  [17, 96, 32],
  [40, 128, 64],
])("GPTQ keeps products closer than rounding: %i rows, %i columns, blocks of %i", async (rows, columns, block) => {
  const weights = noise(7, rows * columns);
  const inputs = await correlated(11, 3 * columns, columns);
  const factor = await factorInputs(await gramOf(inputs, 3 * columns, columns), columns, slowMultiply);
  const format = { bits: 4, block } as const;
  const cost = async (held: Float32Array) =>
    await outputSquares(
      weights.map((value, i) => value - (held[i] ?? 0)),
      rows,
      factor,
      slowMultiply,
    );
  const fitted = dequantize(await gptq(weights, rows, factor, format, slowMultiply), format);
  const rounded = dequantize(quantizeInt4(weights, columns, block), format);
  expect(await cost(fitted)).toBeLessThan(0.6 * (await cost(rounded)));
  // The same measured directly: the squares of (W - Ŵ) X.
  const errors = weights.map((value, i) => value - (fitted[i] ?? 0));
  const turned = Float32Array.from(
    inputs,
    (_, i) => inputs[(i % (3 * columns)) * columns + Math.floor(i / (3 * columns))] ?? 0,
  );
  const products = await slowMultiply(errors, turned, rows, columns, 3 * columns);
  const direct = products.reduce((sum, value) => sum + value * value, 0);
  expect(Math.abs((await cost(fitted)) / direct - 1)).toBeLessThan(0.01);
});

test("with inputs that tell nothing, weights are no worse than rounded ones", async () => {
  const [rows, columns, block] = [8, 64, 32];
  const weights = noise(3, rows * columns);
  const factor = await factorInputs(new Float32Array(columns * columns), columns, slowMultiply);
  const format = { bits: 4, block } as const;
  const size = (held: Float32Array) => weights.reduce((sum, value, i) => sum + (value - (held[i] ?? 0)) ** 2, 0);
  const fitted = dequantize(await gptq(weights, rows, factor, format, slowMultiply), format);
  expect(size(fitted)).toBeLessThanOrEqual(1.001 * size(dequantize(quantizeInt4(weights, columns, block), format)));
});

test("products by ONNX Runtime are those of the slow twin", async () => {
  await using folder = await temporaryFolder();
  await using fast = await openMatrixProduct(folder.path, { provider: "cpu", threads: 1, exactMixedSigns: true });
  for (const [m, k, n] of [
    [3, 5, 7],
    [1, 64, 33],
    [20, 1, 4],
  ] as const) {
    const [a, b] = [noise(m, m * k), noise(n, k * n)];
    const found = await fast.multiply(a, b, m, k, n);
    const expected = await slowMultiply(a, b, m, k, n);
    for (const [i, value] of expected.entries()) expect(Math.abs((found[i] ?? Number.NaN) - value)).toBeLessThan(1e-4);
  }
  expect(await fast.multiply(new Float32Array(0), new Float32Array(0), 2, 0, 2)).toEqual(new Float32Array(4));
});
