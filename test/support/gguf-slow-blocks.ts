import type { TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";

/**
 * The slow twin of the block decoders: each weight of a block by itself, from a formula over numbered bits. `bits(first, count)` is an
 * unsigned number of a block's bits, counted from the lowest bit of its first byte.
 */
type Bits = (first: number, count: number) => number;
type WeightOf = (bits: Bits, index: number) => number;

const IQ4_LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Four bits of weight `i` of 32, whose 16 bytes begin at `byte`. */
function nibble(bits: Bits, byte: number, i: number): number {
  return bits(8 * (byte + (i % 16)) + (i < 16 ? 0 : 4), 4);
}

/** 6-bit scale and minimum of group `g` in the 12 bytes at byte 4. */
function sixBits(bits: Bits, g: number): [scale: number, minimum: number] {
  const at = (byte: number) => 8 * (4 + byte);
  if (g < 4) return [bits(at(g), 6), bits(at(g + 4), 6)];
  const scale = bits(at(g + 4), 4) + 16 * bits(at(g - 4) + 6, 2);
  return [scale, bits(at(g + 4) + 4, 4) + 16 * bits(at(g) + 6, 2)];
}

const WEIGHTS: Partial<Record<TensorTypeName, WeightOf>> = {
  Q4_0: (bits, i) => half(bits(0, 16)) * (nibble(bits, 2, i) - 8),
  Q4_1: (bits, i) => half(bits(0, 16)) * nibble(bits, 4, i) + half(bits(16, 16)),
  Q5_0: (bits, i) => half(bits(0, 16)) * (nibble(bits, 6, i) + 16 * bits(16 + i, 1) - 16),
  Q5_1: (bits, i) => half(bits(0, 16)) * (nibble(bits, 8, i) + 16 * bits(32 + i, 1)) + half(bits(16, 16)),
  Q8_0: (bits, i) => half(bits(0, 16)) * signed(bits(16 + 8 * i, 8)),
  IQ4_NL: (bits, i) => half(bits(0, 16)) * (IQ4_LEVELS[nibble(bits, 2, i)] ?? Number.NaN),
  Q2_K: (bits, i) => {
    const group = Math.floor(i / 16);
    const q = bits(8 * (16 + 32 * Math.floor(i / 128) + (i % 32)) + 2 * (Math.floor(i / 32) % 4), 2);
    return half(bits(640, 16)) * bits(8 * group, 4) * q - half(bits(656, 16)) * bits(8 * group + 4, 4);
  },
  Q3_K: (bits, i) => {
    const group = Math.floor(i / 16);
    const low = bits(8 * (96 + (group % 8)) + (group < 8 ? 0 : 4), 4);
    const scale = low + 16 * bits(8 * (104 + (group % 4)) + 2 * Math.floor(group / 4), 2) - 32;
    const q = bits(8 * (32 + 32 * Math.floor(i / 128) + (i % 32)) + 2 * (Math.floor(i / 32) % 4), 2);
    const high = bits(8 * (i % 32) + Math.floor(i / 32), 1);
    return half(bits(864, 16)) * scale * (q + 4 * high - 4);
  },
  Q4_K: (bits, i) => {
    const [scale, minimum] = sixBits(bits, Math.floor(i / 32));
    const q = bits(8 * (16 + 32 * Math.floor(i / 64) + (i % 32)) + (i % 64 < 32 ? 0 : 4), 4);
    return half(bits(0, 16)) * scale * q - half(bits(16, 16)) * minimum;
  },
  Q5_K: (bits, i) => {
    const [scale, minimum] = sixBits(bits, Math.floor(i / 32));
    const low = bits(8 * (48 + 32 * Math.floor(i / 64) + (i % 32)) + (i % 64 < 32 ? 0 : 4), 4);
    const high = bits(8 * (16 + (i % 32)) + Math.floor(i / 32), 1);
    return half(bits(0, 16)) * scale * (low + 16 * high) - half(bits(16, 16)) * minimum;
  },
  Q6_K: (bits, i) => {
    const low = bits(8 * (64 * Math.floor(i / 128) + (i % 64)) + (i % 128 < 64 ? 0 : 4), 4);
    const high = bits(8 * (128 + 32 * Math.floor(i / 128) + (i % 32)) + 2 * (Math.floor(i / 32) % 4), 2);
    return half(bits(1664, 16)) * signed(bits(8 * (192 + Math.floor(i / 16)), 8)) * (low + 16 * high - 32);
  },
};

/** Types that have a slow twin. */
// Object.keys loses the key type.
export const SLOW_TYPES = Object.keys(WEIGHTS) as TensorTypeName[];

/** Weight `index` of a block, rounded to float32. */
export function slowWeight(type: TensorTypeName, block: Uint8Array, index: number): number {
  const bits: Bits = (first, count) => {
    let value = 0;
    for (let i = count - 1; i >= 0; i--) {
      const at = first + i;
      value = value * 2 + (((block[Math.floor(at / 8)] ?? 0) >> (at % 8)) & 1);
    }
    return value;
  };
  return Math.fround(WEIGHTS[type]?.(bits, index) ?? Number.NaN);
}

/** The value of a half-precision number, by the definition of IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function signed(byte: number): number {
  return byte < 128 ? byte : byte - 256;
}
