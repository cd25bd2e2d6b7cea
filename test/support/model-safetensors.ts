import { open } from "node:fs/promises";
import type { FloatFormat } from "../../node-agent/model/float-formats.ts";
import { encodeWeights } from "./gguf-encode.ts";

const BYTES = { F32: 4, F16: 2, BF16: 2, I64: 8 } as const;

/** A tensor to write; `bytes` gives elements [start, start + count) as little-endian bytes. */
export interface TensorToWrite {
  name: string;
  dtype: keyof typeof BYTES;
  shape: readonly number[];
  bytes(start: number, count: number): Uint8Array;
}

const PIECE_ELEMENTS = 4 * 1024 * 1024;

/** Writes a safetensors file, tensors in the order given, a piece at a time. */
export async function writeSafetensors(path: string, tensors: readonly TensorToWrite[]): Promise<void> {
  await using file = await open(path, "w");
  await file.write(encodeHeader(headerOf(tensors)));
  for (const tensor of tensors) {
    const elements = elementsOf(tensor);
    for (let start = 0; start < elements; start += PIECE_ELEMENTS) {
      await file.write(tensor.bytes(start, Math.min(PIECE_ELEMENTS, elements - start)));
    }
  }
}

/** The header's object for tensors that follow each other without a gap. */
export function headerOf(tensors: readonly Pick<TensorToWrite, "name" | "dtype" | "shape">[]): Record<string, unknown> {
  let end = 0;
  return Object.fromEntries(
    tensors.map((tensor) => {
      const begin = end;
      end += elementsOf(tensor) * BYTES[tensor.dtype];
      return [tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }];
    }),
  );
}

/** The length prefix and the JSON of a header. */
export function encodeHeader(header: unknown): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

/** A tensor held in memory, written in a format that it is rounded to. */
export function floatTensor(
  name: string,
  shape: readonly number[],
  values: Float32Array,
  dtype: FloatFormat = "F32",
): TensorToWrite {
  return { name, dtype, shape, bytes: (start, count) => encodeWeights(dtype, values.slice(start, start + count)) };
}

function elementsOf({ shape }: { shape: readonly number[] }): number {
  return shape.reduce((product, dim) => product * dim, 1);
}
