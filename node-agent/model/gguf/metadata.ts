import { modelError } from "../model-error.ts";
import type { Cursor } from "./cursor.ts";

/** A value of a file's metadata. 64-bit integers are numbers where those are exact, else bigint. */
export type MetadataValue = number | bigint | boolean | string | readonly MetadataValue[] | Float32Array | Int32Array;
export type Metadata = ReadonlyMap<string, MetadataValue>;

/** The specification's limit for keys. */
const MAX_KEY_BYTES = 65_535;
/** Chat templates are the longest texts, tens of kilobytes. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** Of all arrays together; no honest file has more: the largest vocabularies have 300 thousand tokens and twice as many merges. */
const MAX_ARRAY_ITEMS = 4 * 1024 * 1024;
const MAX_KEYS = 65_536;
const MAX_DEPTH = 3;
/** A key's length, its value's type and the shortest value. */
const LEAST_PAIR_BYTES = 8 + 4 + 1;

const INT32_TYPE = 5;
const FLOAT32_TYPE = 6;

interface ValueType {
  leastBytes: number;
  read(cursor: Cursor, room: Room): MetadataValue;
}

/** What arrays may still take: levels below this one, and items in the whole file. */
interface Room {
  readonly depth: number;
  readonly budget: { items: number };
}

/** By its number in the file (enum gguf_metadata_value_type). */
const VALUE_TYPES: readonly ValueType[] = [
  { leastBytes: 1, read: (cursor) => cursor.u8() },
  { leastBytes: 1, read: (cursor) => cursor.i8() },
  { leastBytes: 2, read: (cursor) => cursor.u16() },
  { leastBytes: 2, read: (cursor) => cursor.i16() },
  { leastBytes: 4, read: (cursor) => cursor.u32() },
  { leastBytes: 4, read: (cursor) => cursor.i32() },
  { leastBytes: 4, read: (cursor) => cursor.f32() },
  { leastBytes: 1, read: readBoolean },
  { leastBytes: 8, read: (cursor) => cursor.string(MAX_TEXT_BYTES) },
  { leastBytes: 12, read: readArray },
  { leastBytes: 8, read: (cursor) => exact(cursor.u64()) },
  { leastBytes: 8, read: (cursor) => exact(cursor.i64()) },
  { leastBytes: 8, read: (cursor) => cursor.f64() },
];

/** Reads `count` key-value pairs. Throws `model_load_failed`. */
export function readMetadata(cursor: Cursor, count: number): Metadata {
  const metadata = new Map<string, MetadataValue>();
  const room: Room = { depth: MAX_DEPTH, budget: { items: MAX_ARRAY_ITEMS } };
  for (let i = 0; i < count; i++) {
    const key = cursor.string(MAX_KEY_BYTES);
    if (metadata.has(key)) throw modelError(`${cursor.file} has the key ${quote(key)} twice.`);
    metadata.set(key, valueType(cursor).read(cursor, room));
  }
  return metadata;
}

/** The announced number of key-value pairs, checked. */
export function readMetadataCount(cursor: Cursor): number {
  const count = cursor.count(LEAST_PAIR_BYTES, "metadata keys");
  if (count > MAX_KEYS) throw modelError(`${cursor.file} announces ${count} metadata keys; no model has so many.`);
  return count;
}

function valueType(cursor: Cursor): ValueType {
  const id = cursor.u32();
  const type = VALUE_TYPES[id];
  if (type === undefined) throw modelError(`${cursor.file} has metadata of the unknown type ${id}.`);
  return type;
}

function readBoolean(cursor: Cursor): boolean {
  const byte = cursor.u8();
  if (byte > 1) throw modelError(`${cursor.file} has a boolean that is ${byte}, neither 0 nor 1.`);
  return byte === 1;
}

function readArray(cursor: Cursor, { depth, budget }: Room): MetadataValue {
  if (depth === 0) throw modelError(`${cursor.file} has arrays nested deeper than ${MAX_DEPTH}.`);
  const type = valueType(cursor);
  const count = cursor.count(type.leastBytes, "array items");
  budget.items -= count;
  if (budget.items < 0) throw modelError(`${cursor.file} has more than ${MAX_ARRAY_ITEMS} array items; no model has.`);
  if (type === VALUE_TYPES[FLOAT32_TYPE]) return fill(new Float32Array(count), cursor.f32);
  if (type === VALUE_TYPES[INT32_TYPE]) return fill(new Int32Array(count), cursor.i32);
  const items: MetadataValue[] = [];
  for (let i = 0; i < count; i++) items.push(type.read(cursor, { depth: depth - 1, budget }));
  return items;
}

function fill<T extends Float32Array | Int32Array>(items: T, read: () => number): T {
  for (let i = 0; i < items.length; i++) items[i] = read();
  return items;
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A name from a file we do not trust, short enough for a message. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
