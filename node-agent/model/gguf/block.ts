import { halfFloats } from "../float-formats.ts";

/** Decodes `count` blocks that lie at the beginning of `bytes`. */
export type DecodeBlocks = (bytes: Uint8Array, count: number) => Float32Array;

/** Decodes the block at byte `at` into `out` from `to` on. */
type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

/** A decoder of many blocks, of `elements` weights in `blockBytes` each, from that of one. */
export function blocksOf(elements: number, blockBytes: number, decode: DecodeBlock): DecodeBlocks {
  return (bytes, count) => {
    const out = new Float32Array(count * elements);
    for (let i = 0; i < count; i++) decode(bytes, i * blockBytes, out, i * elements);
    return out;
  };
}

/** The half-precision number at byte `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halfFloats()[(bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)] ?? 0;
}
