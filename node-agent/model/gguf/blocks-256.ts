import { blocksOf, halfAt } from "./block.ts";

/**
 * The K-quants: blocks of 256 weights, whose groups of 16 or 32 have small integer scales (and minima) that share one or two
 * half-precision ones. Layouts: ggml's block_q2_K to block_q6_K.
 */

const BLOCK = 256;

/** 16 bytes of scale (low half) and minimum (high half) per 16 weights, 64 bytes of 2 bits, scale, minimum. */
export const decodeQ2K = blocksOf(BLOCK, 84, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 80);
  const minimum = halfAt(bytes, at + 82);
  for (let group = 0; group < 16; group++) {
    const both = bytes[at + group] ?? 0;
    const step = scale * (both & 15);
    const below = minimum * (both >> 4);
    const { first, shift } = twoBitGroup(group);
    for (let i = 0; i < 16; i++) {
      out[to + group * 16 + i] = step * (((bytes[at + 16 + first + i] ?? 0) >> shift) & 3) - below;
    }
  }
});

/** 32 bytes of third bits (set: nothing to subtract), 64 bytes of 2 bits, 16 scales of 6 bits in 12 bytes, scale. */
export const decodeQ3K = blocksOf(BLOCK, 110, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const step = scale * (q3Scale(bytes, at + 96, group) - 32);
    const { first, shift } = twoBitGroup(group);
    const highAt = at + (first & 31);
    const highBit = group >> 1;
    for (let i = 0; i < 16; i++) {
      const low = ((bytes[at + 32 + first + i] ?? 0) >> shift) & 3;
      const high = ((bytes[highAt + i] ?? 0) >> highBit) & 1;
      out[to + group * 16 + i] = step * (low + 4 * high - 4);
    }
  }
});

/** Where the low 2 bits of 16 weights are: each half of the block has 32 bytes, which hold four runs of 32 weights. */
function twoBitGroup(group: number): { first: number; shift: number } {
  return { first: (group >> 3) * 32 + (group & 1) * 16, shift: ((group >> 1) & 3) * 2 };
}

/** Four bits of scale `group` are in the first 8 bytes, two in the last 4. */
function q3Scale(bytes: Uint8Array, at: number, group: number): number {
  const low = ((bytes[at + (group & 7)] ?? 0) >> ((group >> 3) * 4)) & 15;
  const high = ((bytes[at + 8 + (group & 3)] ?? 0) >> ((group >> 2) * 2)) & 3;
  return low | (high << 4);
}

/** scale, minimum, 12 bytes of scales and minima, 128 bytes: weight = q x step - below, per 32 weights. */
export const decodeQ4K = blocksOf(BLOCK, 144, (bytes, at, out, to) => {
  for (let group = 0; group < 8; group++) {
    const { step, below } = stepAndBelow(bytes, at, group);
    const from = at + 16 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) out[to + group * 32 + i] = step * (((bytes[from + i] ?? 0) >> shift) & 15) - below;
  }
});

/** As Q4_K, with 32 bytes of fifth bits before the others. */
export const decodeQ5K = blocksOf(BLOCK, 176, (bytes, at, out, to) => {
  for (let group = 0; group < 8; group++) {
    const { step, below } = stepAndBelow(bytes, at, group);
    const from = at + 48 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const low = ((bytes[from + i] ?? 0) >> shift) & 15;
      const high = ((bytes[at + 16 + i] ?? 0) >> group) & 1;
      out[to + group * 32 + i] = step * (low | (high << 4)) - below;
    }
  }
});

/** 128 bytes of low halves, 64 of 2 high bits, 16 signed scales, scale: weight = (q - 32) x step, per 16 weights. */
export const decodeQ6K = blocksOf(BLOCK, 210, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at + 208);
  for (let group = 0; group < 16; group++) {
    const step = scale * (((bytes[at + 192 + group] ?? 0) << 24) >> 24);
    // Each half of the block has 64 bytes of low halves for four runs of 32, and 32 of high bits.
    const half = group >> 3;
    const run = (group >> 1) & 3;
    const lowAt = at + half * 64 + (run & 1) * 32 + (group & 1) * 16;
    const highAt = at + 128 + half * 32 + (group & 1) * 16;
    for (let i = 0; i < 16; i++) {
      const low = ((bytes[lowAt + i] ?? 0) >> ((run >> 1) * 4)) & 15;
      const high = ((bytes[highAt + i] ?? 0) >> (run * 2)) & 3;
      out[to + group * 16 + i] = step * ((low | (high << 4)) - 32);
    }
  }
});

/**
 * The step and what is subtracted in group `group` of a Q4_K or Q5_K block. Of its 8 scales and 8 minima of 6 bits, the first four
 * are the low bits of bytes 0-3 and 4-7; the others have four bits in bytes 8-11 and two at the top of the first eight.
 */
function stepAndBelow(bytes: Uint8Array, at: number, group: number): { step: number; below: number } {
  const byte = (index: number) => bytes[at + 4 + index] ?? 0;
  const late = group >= 4;
  const step = late ? (byte(group + 4) & 15) | ((byte(group - 4) >> 6) << 4) : byte(group) & 63;
  const below = late ? (byte(group + 4) >> 4) | ((byte(group) >> 6) << 4) : byte(group + 4) & 63;
  return { step: halfAt(bytes, at) * step, below: halfAt(bytes, at + 2) * below };
}
