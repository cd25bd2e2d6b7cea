import { concat } from "./gguf-writer.ts";

/** Types that weights can be encoded in. */
export type EncodableType = "F32" | "F16" | "Q8_0" | "Q4_0";

const ENCODERS: Record<EncodableType, (values: Float32Array) => Uint8Array> = {
  F32: (values) => new Uint8Array(values.slice().buffer),
  F16: (values) => new Uint8Array(Uint16Array.from(values, toHalf).buffer),
  Q8_0: (values) => inBlocks(values, encodeQ8Zero),
  Q4_0: (values) => inBlocks(values, encodeQ4Zero),
};

/** Rounds to nearest, as llama.cpp's reference quantisers do. Lengths are multiples of 32. */
export function encodeWeights(type: EncodableType, values: Float32Array): Uint8Array {
  return ENCODERS[type](values);
}

function inBlocks(values: Float32Array, encode: (block: Float32Array) => Uint8Array): Uint8Array {
  const count = values.length / 32;
  return concat(Array.from({ length: count }, (_, i) => encode(values.subarray(i * 32, i * 32 + 32))));
}

function encodeQ8Zero(block: Float32Array): Uint8Array {
  const scale = Math.max(...block.map(Math.abs)) / 127;
  const levels = Int8Array.from(block, (value) => (scale === 0 ? 0 : Math.round(value / scale)));
  return concat([halfBytes(scale), new Uint8Array(levels.buffer)]);
}

function encodeQ4Zero(block: Float32Array): Uint8Array {
  const extreme = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const scale = extreme / -8;
  const level = (value: number) => (scale === 0 ? 8 : Math.min(15, Math.trunc(value / scale + 8.5)));
  const pairs = Uint8Array.from({ length: 16 }, (_, i) => level(block[i] ?? 0) | (level(block[i + 16] ?? 0) << 4));
  return concat([halfBytes(scale), pairs]);
}

function halfBytes(value: number): Uint8Array {
  return new Uint8Array(Uint16Array.of(toHalf(value)).buffer);
}

/** Bits of the nearest half-precision number, ties to even; for numbers in its range. */
function toHalf(value: number): number {
  const size = Math.abs(value);
  const exponent = size === 0 ? -14 : Math.max(-14, Math.floor(Math.log2(size)));
  const units = size / 2 ** (exponent - 10);
  const rounded = units % 1 === 0.5 ? 2 * Math.round(units / 2) : Math.round(units);
  return ((value < 0 ? 1 : 0) << 15) | ((exponent + 14) * 1024 + rounded);
}
