import { concat } from "./gguf-writer.ts";
import { halfBytes } from "./half.ts";

/** Encoders of blocks of 32 weights; Q4_0 and Q8_0 as llama.cpp's reference quantisers do. */

const HALF = 16;

export function encodeQ8Zero(block: Float32Array): Uint8Array {
  const scale = Math.max(...block.map(Math.abs)) / 127;
  const levels = Int8Array.from(block, (value) => (scale === 0 ? 0 : Math.round(value / scale)));
  return concat([halfBytes(scale), new Uint8Array(levels.buffer)]);
}

export function encodeQ4Zero(block: Float32Array): Uint8Array {
  const { scale, levels } = aroundZero(block, 8);
  return concat([halfBytes(scale), lowHalves(levels)]);
}

export function encodeQ5Zero(block: Float32Array): Uint8Array {
  const { scale, levels } = aroundZero(block, 16);
  return concat([halfBytes(scale), fifthBits(levels), lowHalves(levels)]);
}

export function encodeQ4One(block: Float32Array): Uint8Array {
  const { scale, minimum, levels } = fromMinimum(block, 15);
  return concat([halfBytes(scale, minimum), lowHalves(levels)]);
}

export function encodeQ5One(block: Float32Array): Uint8Array {
  const { scale, minimum, levels } = fromMinimum(block, 31);
  return concat([halfBytes(scale, minimum), fifthBits(levels), lowHalves(levels)]);
}

const IQ4_LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

export function encodeIq4Nl(block: Float32Array): Uint8Array {
  const scale = extremeOf(block) / (IQ4_LEVELS[0] ?? 1);
  const nearest = (value: number) => {
    const distances = IQ4_LEVELS.map((level) => Math.abs(level * scale - value));
    return distances.indexOf(Math.min(...distances));
  };
  return concat([halfBytes(scale), lowHalves(Array.from(block, nearest))]);
}

/** Levels 0 to 2 * `zero` - 1, of which `zero` stands for 0; the largest weight is level 0. */
function aroundZero(block: Float32Array, zero: number): { scale: number; levels: number[] } {
  const scale = extremeOf(block) / -zero;
  const level = (value: number) => (scale === 0 ? zero : Math.trunc(value / scale + zero + 0.5));
  return { scale, levels: Array.from(block, (value) => Math.min(2 * zero - 1, level(value))) };
}

function fromMinimum(block: Float32Array, top: number): { scale: number; minimum: number; levels: number[] } {
  const minimum = Math.min(...block);
  const scale = (Math.max(...block) - minimum) / top;
  const level = (value: number) => (scale === 0 ? 0 : Math.min(top, Math.round((value - minimum) / scale)));
  return { scale, minimum, levels: Array.from(block, level) };
}

function extremeOf(block: Float32Array): number {
  return block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
}

function lowHalves(levels: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: HALF }, (_, i) => ((levels[i] ?? 0) & 15) | (((levels[i + HALF] ?? 0) & 15) << 4));
}

function fifthBits(levels: readonly number[]): Uint8Array {
  const bits = levels.reduce((all, level, i) => all | ((level >> 4) << i), 0);
  return new Uint8Array(Int32Array.of(bits).buffer);
}
