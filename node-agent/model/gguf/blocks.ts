import { type FloatFormat, toFloat32 } from "../float-formats.ts";
import type { DecodeBlocks } from "./block.ts";
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from "./blocks-256.ts";
import { decodeIq4Nl, decodeQ4One, decodeQ4Zero, decodeQ5One, decodeQ5Zero, decodeQ8Zero } from "./blocks-32.ts";
import { TENSOR_TYPES, type TensorTypeName } from "./tensor-types.ts";

const DECODERS: Record<TensorTypeName, DecodeBlocks> = {
  F32: floats("F32"),
  F16: floats("F16"),
  BF16: floats("BF16"),
  Q4_0: decodeQ4Zero,
  Q4_1: decodeQ4One,
  Q5_0: decodeQ5Zero,
  Q5_1: decodeQ5One,
  Q8_0: decodeQ8Zero,
  Q2_K: decodeQ2K,
  Q3_K: decodeQ3K,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
  IQ4_NL: decodeIq4Nl,
};

function floats(format: FloatFormat): DecodeBlocks {
  return (bytes) => toFloat32(bytes, format);
}

/** Decodes whole blocks of a type; each weight is what ggml computes, rounded to float32 once. Throws RangeError for part of a block. */
export function decodeBlocks(type: TensorTypeName, bytes: Uint8Array): Float32Array {
  const count = bytes.byteLength / TENSOR_TYPES[type].bytes;
  if (!Number.isInteger(count)) throw new RangeError(`${bytes.byteLength} bytes are not whole ${type} blocks.`);
  return DECODERS[type](bytes, count);
}
