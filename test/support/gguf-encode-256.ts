import { concat } from "./gguf-writer.ts";
import { halfBytes } from "./half.ts";

/** Encoders of blocks of 256 weights, whose groups have small integer scales (and minima): the K-quants. */

export function encodeQ2K(block: Float32Array): Uint8Array {
  const { scale, minimum, scales, minima, levels } = withMinima(block, { group: 16, top: 3, most: 15 });
  const pairs = Uint8Array.from(scales, (each, i) => each | ((minima[i] ?? 0) << 4));
  return concat([pairs, twoBits(levels), halfBytes(scale, minimum)]);
}

export function encodeQ3K(block: Float32Array): Uint8Array {
  const { scale, scales, levels } = aroundZero(block, { zero: 4, most: 31 });
  const high = new Uint8Array(32);
  for (const [i, level] of levels.entries()) high[i % 32] = (high[i % 32] ?? 0) | ((level >> 2) << (i >> 5));
  const sixBits = scales.map((each) => each + 32);
  const packed = Uint8Array.from({ length: 12 }, (_, i) =>
    i < 8
      ? ((sixBits[i] ?? 0) & 15) | (((sixBits[i + 8] ?? 0) & 15) << 4)
      : [0, 1, 2, 3].reduce((byte, part) => byte | (((sixBits[4 * part + i - 8] ?? 0) >> 4) << (2 * part)), 0),
  );
  return concat([high, twoBits(levels), packed, halfBytes(scale)]);
}

export function encodeQ4K(block: Float32Array): Uint8Array {
  const { scale, minimum, scales, minima, levels } = withMinima(block, { group: 32, top: 15, most: 63 });
  return concat([halfBytes(scale, minimum), sixBitPairs(scales, minima), fourBits(levels, 32)]);
}

export function encodeQ5K(block: Float32Array): Uint8Array {
  const { scale, minimum, scales, minima, levels } = withMinima(block, { group: 32, top: 31, most: 63 });
  const high = new Uint8Array(32);
  for (const [i, level] of levels.entries()) high[i % 32] = (high[i % 32] ?? 0) | ((level >> 4) << (i >> 5));
  return concat([halfBytes(scale, minimum), sixBitPairs(scales, minima), high, fourBits(levels, 32)]);
}

export function encodeQ6K(block: Float32Array): Uint8Array {
  const { scale, scales, levels } = aroundZero(block, { zero: 32, most: 127 });
  const high = new Uint8Array(64);
  for (const [i, level] of levels.entries()) {
    const at = 32 * (i >> 7) + (i % 32);
    high[at] = (high[at] ?? 0) | ((level >> 4) << (2 * ((i >> 5) & 3)));
  }
  return concat([fourBits(levels, 64), high, new Uint8Array(Int8Array.from(scales).buffer), halfBytes(scale)]);
}

/** weight = q x scale x scales[group] - minimum x minima[group], with q from 0 to `top` and both lists from 0 to `most`. */
function withMinima(block: Float32Array, { group, top, most }: { group: number; top: number; most: number }) {
  const groups = Array.from({ length: block.length / group }, (_, i) => block.subarray(i * group, (i + 1) * group));
  const below = groups.map((weights) => Math.max(0, -Math.min(...weights)));
  const steps = groups.map((weights, i) => (Math.max(0, ...weights) + (below[i] ?? 0)) / top);
  const [scale, minimum] = [Math.max(...steps) / most, Math.max(...below) / most];
  const scales = steps.map((step) => inUnits(step, scale));
  const minima = below.map((each) => inUnits(each, minimum));
  const levels = Array.from(block, (weight, i) => {
    const at = Math.floor(i / group);
    const level = inUnits(weight + minimum * (minima[at] ?? 0), scale * (scales[at] ?? 0));
    return Math.max(0, Math.min(top, level));
  });
  return { scale, minimum, scales, minima, levels };
}

/** weight = (q - zero) x scale x scales[group], in groups of 16, with the signs of scales as those of each group's largest weight. */
function aroundZero(block: Float32Array, { zero, most }: { zero: number; most: number }) {
  const steps = Array.from({ length: 16 }, (_, i) => {
    const weights = block.subarray(i * 16, (i + 1) * 16);
    return weights.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0) / -zero;
  });
  const scale = Math.max(...steps.map(Math.abs)) / most;
  const scales = steps.map((step) => inUnits(step, scale));
  const levels = Array.from(block, (weight, i) => {
    const level = zero + inUnits(weight, scale * (scales[i >> 4] ?? 0));
    return Math.max(0, Math.min(2 * zero - 1, level));
  });
  return { scale, scales, levels };
}

function inUnits(value: number, unit: number): number {
  return unit === 0 ? 0 : Math.round(value / unit);
}

/** The low 2 bits of each level: a byte holds those of weights 32 apart; each half of the block has 32 bytes. */
function twoBits(levels: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(64);
  for (const [i, level] of levels.entries()) {
    const at = 32 * (i >> 7) + (i % 32);
    bytes[at] = (bytes[at] ?? 0) | ((level & 3) << (2 * ((i >> 5) & 3)));
  }
  return bytes;
}

/** The low 4 bits of each level: a byte holds those of weights `apart`. */
function fourBits(levels: readonly number[], apart: number): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, at) => {
    const first = Math.floor(at / apart) * 2 * apart + (at % apart);
    return ((levels[first] ?? 0) & 15) | (((levels[first + apart] ?? 0) & 15) << 4);
  });
}

/** Eight scales and eight minima of 6 bits: the first four of each in a byte, whose top bits the others share. */
function sixBitPairs(scales: readonly number[], minima: readonly number[]): Uint8Array {
  const late = [4, 5, 6, 7];
  const first = (list: readonly number[]) => late.map((i) => (list[i - 4] ?? 0) | (((list[i] ?? 0) >> 4) << 6));
  const rest = late.map((i) => ((scales[i] ?? 0) & 15) | (((minima[i] ?? 0) & 15) << 4));
  return Uint8Array.from([...first(scales), ...first(minima), ...rest]);
}
