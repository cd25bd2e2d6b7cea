import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blockCount,
  quantizeInt4,
  quantizeInt8Transposed,
  quantizeUint8Blocks,
  transposeInto,
} from "../../../node-agent/model/quantize.ts";

/** The slow twin of the kernel: weight = (q - 8) x scale. */
function dequantizeInt4({ levels, scales }: ReturnType<typeof quantizeInt4>, columns: number, block: number): number[] {
  const blocks = blockCount(columns, block);
  const rows = scales.length / blocks;
  return Array.from({ length: rows * columns }, (_, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    const index = row * blocks + Math.floor(column / block);
    const byte = levels[(index * block + (column % block)) >> 1] ?? 0;
    const level = column % 2 === 0 ? byte & 0xf : byte >> 4;
    return (level - 8) * (scales[index] ?? Number.NaN);
  });
}

const matrix = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), columns: fc.integer({ min: 1, max: 150 }) })
  .chain(({ rows, columns }) =>
    fc
      .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: rows * columns, maxLength: rows * columns })
      .map((values) => ({ columns, values: Float32Array.from(values) })),
  );

/** The largest magnitude among the weights that share the scale of weight `i`. */
function blockMax(values: Float32Array, columns: number, block: number, i: number): number {
  const row = Math.floor(i / columns) * columns;
  const first = row + Math.floor((i - row) / block) * block;
  return Math.max(...values.subarray(first, Math.min(first + block, row + columns)).map(Math.abs));
}

describe("int4", () => {
  test.each([32, 64, 128])("every weight is within a level of its value (block %i)", (block) => {
    fc.assert(
      fc.property(matrix, ({ values, columns }) => {
        const found = dequantizeInt4(quantizeInt4(values, columns, block), columns, block);
        for (const [i, value] of values.entries()) {
          // A level is an eighth of the largest; the opposite end has one level less, and fitting the scale moves it a little.
          const limit = (blockMax(values, columns, block, i) / 8) * 1.5 + 1e-6;
          expect(Math.abs((found[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  test("the fitted scale is no worse than the unfitted one", () => {
    const values = Float32Array.from({ length: 256 }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 5)));
    const quantized = quantizeInt4(values, 256, 128);
    const squares = (found: number[]) => values.reduce((sum, value, i) => sum + (value - (found[i] ?? 0)) ** 2, 0);
    const unfitted = quantized.scales.map((_, block) => {
      const part = values.subarray(block * 128, (block + 1) * 128);
      return part.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0) / -8;
    });
    const fittedError = squares(dequantizeInt4(quantized, 256, 128));
    expect(fittedError).toBeLessThanOrEqual(squares(dequantizeInt4({ ...quantized, scales: unfitted }, 256, 128)));
  });

  test("zeros stay zero, and the padding of a short last block is zero", () => {
    const { levels, scales } = quantizeInt4(new Float32Array(2 * 33), 33, 32);
    expect([...scales]).toEqual([0, 0, 0, 0]);
    expect(new Set(levels)).toEqual(new Set([0x88]));
    const padded = quantizeInt4(
      Float32Array.from({ length: 33 }, () => 1),
      33,
      32,
    ).levels;
    expect([...padded.subarray(17)]).toEqual(Array.from({ length: 15 }, () => 0x88));
  });
});

describe("int8", () => {
  test("per row: every weight is within half a level", () => {
    fc.assert(
      fc.property(matrix, ({ values, columns }) => {
        const rows = values.length / columns;
        const target = new Int8Array(values.length);
        const scales = quantizeInt8Transposed(values, columns, target, rows, 0);
        for (const [i, value] of values.entries()) {
          const row = Math.floor(i / columns);
          const scale = scales[row] ?? Number.NaN;
          const level = target[(i % columns) * rows + row] ?? Number.NaN;
          expect(Math.abs(level * scale - value)).toBeLessThanOrEqual(scale / 2 + 1e-5);
        }
      }),
    );
  });

  test("in blocks: every weight is within half a level", () => {
    fc.assert(
      fc.property(matrix, ({ values, columns }) => {
        const { levels, scales } = quantizeUint8Blocks(values, columns, 32);
        const blocks = blockCount(columns, 32);
        for (const [i, value] of values.entries()) {
          const scale = scales[Math.floor(i / columns) * blocks + Math.floor((i % columns) / 32)] ?? Number.NaN;
          const level = (levels[i] ?? Number.NaN) - 128;
          expect(Math.abs(level * scale - value)).toBeLessThanOrEqual(scale / 2 + 1e-5);
        }
      }),
    );
  });

  test("pieces of rows land where they belong", () => {
    const values = Float32Array.from({ length: 6 }, (_, i) => i + 1);
    const target = new Float32Array(9);
    transposeInto(values, 3, target, 3, 1);
    expect([...target]).toEqual([0, 1, 4, 0, 2, 5, 0, 3, 6]);
    const bytes = new Int8Array(9);
    const scales = quantizeInt8Transposed(values, 3, bytes, 3, 1);
    expect([...bytes]).toEqual([0, 42, 85, 0, 85, 106, 0, 127, 127]);
    expect([...scales].map((scale) => Math.round(scale * 127))).toEqual([3, 6]);
  });
});
