import type { TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";
import { encodeIq4Nl, encodeQ4One, encodeQ4Zero, encodeQ5One, encodeQ5Zero, encodeQ8Zero } from "./gguf-encode-32.ts";
import { encodeQ2K, encodeQ3K, encodeQ4K, encodeQ5K, encodeQ6K } from "./gguf-encode-256.ts";
import { concat } from "./gguf-writer.ts";
import { toBrainFloat, toHalf } from "./half.ts";

/** Encoders of one block, by type, with the weights that a block holds. */
const BLOCKS = {
  Q4_0: { elements: 32, encode: encodeQ4Zero },
  Q4_1: { elements: 32, encode: encodeQ4One },
  Q5_0: { elements: 32, encode: encodeQ5Zero },
  Q5_1: { elements: 32, encode: encodeQ5One },
  Q8_0: { elements: 32, encode: encodeQ8Zero },
  IQ4_NL: { elements: 32, encode: encodeIq4Nl },
  Q2_K: { elements: 256, encode: encodeQ2K },
  Q3_K: { elements: 256, encode: encodeQ3K },
  Q4_K: { elements: 256, encode: encodeQ4K },
  Q5_K: { elements: 256, encode: encodeQ5K },
  Q6_K: { elements: 256, encode: encodeQ6K },
} as const satisfies Partial<Record<TensorTypeName, { elements: number; encode(block: Float32Array): Uint8Array }>>;

/** Rounds to nearest, in the simplest way that uses a type's whole range. Lengths are whole blocks. */
export function encodeWeights(type: TensorTypeName, values: Float32Array): Uint8Array {
  if (type === "F32") return new Uint8Array(values.slice().buffer);
  if (type === "F16") return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
  if (type === "BF16") return new Uint8Array(Uint16Array.from(values, toBrainFloat).buffer);
  const { elements, encode } = BLOCKS[type];
  if (values.length % elements !== 0) throw new RangeError(`${values.length} weights are not whole ${type} blocks.`);
  const count = values.length / elements;
  return concat(Array.from({ length: count }, (_, i) => encode(values.subarray(i * elements, (i + 1) * elements))));
}
