import { blocksOf, halfAt } from "./block.ts";

/**
 * Blocks of 32 weights with one scale: the first formats of ggml, and IQ4_NL. The low halves of 16 bytes are weights 0 to 15, the high
 * halves weights 16 to 31. Layouts: ggml's block_q4_0 to block_iq4_nl.
 */

const BLOCK = 32;
const HALF = BLOCK / 2;

/** scale, 16 bytes: weight = (q - 8) x scale. */
export const decodeQ4Zero = blocksOf(BLOCK, 18, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  for (let i = 0; i < HALF; i++) {
    const pair = bytes[at + 2 + i] ?? 0;
    out[to + i] = ((pair & 15) - 8) * scale;
    out[to + HALF + i] = ((pair >> 4) - 8) * scale;
  }
});

/** scale, minimum, 16 bytes: weight = q x scale + minimum. */
export const decodeQ4One = blocksOf(BLOCK, 20, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  const minimum = halfAt(bytes, at + 2);
  for (let i = 0; i < HALF; i++) {
    const pair = bytes[at + 4 + i] ?? 0;
    out[to + i] = (pair & 15) * scale + minimum;
    out[to + HALF + i] = (pair >> 4) * scale + minimum;
  }
});

/** scale, 32 fifth bits, 16 bytes: weight = (q - 16) x scale. */
export const decodeQ5Zero = blocksOf(BLOCK, 22, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  for (let i = 0; i < HALF; i++) {
    const pair = bytes[at + 6 + i] ?? 0;
    out[to + i] = ((pair & 15) + fifthBit(bytes, at + 2, i) - 16) * scale;
    out[to + HALF + i] = ((pair >> 4) + fifthBit(bytes, at + 2, HALF + i) - 16) * scale;
  }
});

/** scale, minimum, 32 fifth bits, 16 bytes: weight = q x scale + minimum. */
export const decodeQ5One = blocksOf(BLOCK, 24, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  const minimum = halfAt(bytes, at + 2);
  for (let i = 0; i < HALF; i++) {
    const pair = bytes[at + 8 + i] ?? 0;
    out[to + i] = ((pair & 15) + fifthBit(bytes, at + 4, i)) * scale + minimum;
    out[to + HALF + i] = ((pair >> 4) + fifthBit(bytes, at + 4, HALF + i)) * scale + minimum;
  }
});

function fifthBit(bytes: Uint8Array, at: number, index: number): number {
  return (((bytes[at + (index >> 3)] ?? 0) >> (index & 7)) & 1) << 4;
}

/** scale, 32 signed bytes: weight = q x scale. */
export const decodeQ8Zero = blocksOf(BLOCK, 34, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  for (let i = 0; i < BLOCK; i++) out[to + i] = (((bytes[at + 2 + i] ?? 0) << 24) >> 24) * scale;
});

/** The 16 levels of IQ4_NL, spaced as weights are: densely around zero. */
const IQ4_LEVELS = Float32Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** scale, 16 bytes: weight = level[q] x scale. */
export const decodeIq4Nl = blocksOf(BLOCK, 18, (bytes, at, out, to) => {
  const scale = halfAt(bytes, at);
  for (let i = 0; i < HALF; i++) {
    const pair = bytes[at + 2 + i] ?? 0;
    out[to + i] = (IQ4_LEVELS[pair & 15] ?? 0) * scale;
    out[to + HALF + i] = (IQ4_LEVELS[pair >> 4] ?? 0) * scale;
  }
});
