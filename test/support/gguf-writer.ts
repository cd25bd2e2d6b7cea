import { TENSOR_TYPES, type TensorTypeName } from "../../node-agent/model/gguf/tensor-types.ts";

/** A metadata value with its type in the file. */
export type ValueToWrite =
  | { u8: number }
  | { u16: number }
  | { u32: number }
  | { i32: number }
  | { f32: number }
  | { f64: number }
  | { u64: bigint }
  | { i64: bigint }
  | { bool: boolean }
  | { text: string }
  | { texts: readonly string[] }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] }
  | { arrays: readonly (readonly number[])[] };

export interface GgufTensorToWrite {
  name: string;
  type: TensorTypeName;
  /** Row-major, outermost first. */
  shape: readonly number[];
  data: Uint8Array;
}

export interface GgufToWrite {
  version?: 2 | 3;
  alignment?: number;
  metadata?: Readonly<Record<string, ValueToWrite>>;
  tensors?: readonly GgufTensorToWrite[];
}

/** The bytes of a GGUF file. */
export function encodeGguf({ version = 3, alignment = 32, metadata = {}, tensors = [] }: GgufToWrite): Uint8Array {
  const pairs = Object.entries(alignment === 32 ? metadata : { ...metadata, "general.alignment": { u32: alignment } });
  const header = [ascii("GGUF"), u32(version), u64(tensors.length), u64(pairs.length)];
  for (const [key, value] of pairs) header.push(text(key), encodeValue(value));
  let offset = 0;
  for (const { name, type, shape, data } of tensors) {
    const sizes = shape.toReversed().map(u64);
    header.push(text(name), u32(shape.length), ...sizes, u32(TENSOR_TYPES[type].id), u64(offset));
    offset += data.byteLength + padding(data.byteLength, alignment);
  }
  const head = concat(header);
  const parts = [head, new Uint8Array(padding(head.byteLength, alignment))];
  for (const { data } of tensors) parts.push(data, new Uint8Array(padding(data.byteLength, alignment)));
  return concat(parts);
}

function encodeValue(value: ValueToWrite): Uint8Array {
  if ("u8" in value) return concat([u32(0), Uint8Array.of(value.u8)]);
  if ("u16" in value) return concat([u32(2), Uint8Array.of(value.u16 & 255, value.u16 >> 8)]);
  if ("u32" in value) return concat([u32(4), u32(value.u32)]);
  if ("i32" in value) return concat([u32(5), u32(value.i32)]);
  if ("f32" in value) return concat([u32(6), new Uint8Array(Float32Array.of(value.f32).buffer)]);
  if ("bool" in value) return concat([u32(7), Uint8Array.of(value.bool ? 1 : 0)]);
  if ("text" in value) return concat([u32(8), text(value.text)]);
  if ("u64" in value) return concat([u32(10), u64(value.u64)]);
  if ("i64" in value) return concat([u32(11), u64(value.i64)]);
  if ("f64" in value) return concat([u32(12), new Uint8Array(Float64Array.of(value.f64).buffer)]);
  if ("texts" in value) return array(8, value.texts.length, value.texts.map(text));
  if ("i32s" in value) return array(5, value.i32s.length, value.i32s.map(u32));
  if ("f32s" in value) return array(6, value.f32s.length, [new Uint8Array(Float32Array.from(value.f32s).buffer)]);
  const inner = value.arrays.map((items) => array(5, items.length, items.map(u32)).subarray(4));
  return array(9, inner.length, inner);
}

function array(type: number, count: number, items: readonly Uint8Array[]): Uint8Array {
  return concat([u32(9), u32(type), u64(count), ...items]);
}

function padding(length: number, alignment: number): number {
  return (alignment - (length % alignment)) % alignment;
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: number | bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

function text(value: string): Uint8Array {
  const bytes = ascii(value);
  return concat([u64(bytes.byteLength), bytes]);
}

function ascii(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
