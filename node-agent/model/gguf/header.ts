import { modelError } from "../model-error.ts";
import { Cursor } from "./cursor.ts";
import { type Metadata, quote, readMetadata, readMetadataCount } from "./metadata.ts";
import {
  describeTensorType,
  SUPPORTED_TENSOR_TYPES,
  TENSOR_TYPES,
  type TensorTypeName,
  tensorTypeOf,
} from "./tensor-types.ts";

/** One tensor of a GGUF file: what its bytes are and where they begin. */
export interface GgufTensor {
  readonly type: TensorTypeName;
  /** Row-major, outermost dimension first: the reverse of the order in the file. */
  readonly shape: readonly number[];
  readonly elements: number;
  /** Byte offset from the beginning of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** "GGUF" as a little-endian number. */
const MAGIC = 0x46554747;
const MAX_TENSORS = 1 << 20;
/** Longer than ggml's own limit of 64. */
const MAX_TENSOR_NAME_BYTES = 256;
const MAX_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1 << 20;
/** A name's length, the number of dimensions, a type and an offset. */
const LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

/**
 * Parses and checks the header of a GGUF file (version 2 or 3, little endian) of `fileBytes`, of which `bytes` are the beginning.
 * Every tensor lies inside the file, has as many bytes as its shape and type need, and overlaps no other. Throws
 * `model_load_failed`, or NeedMoreBytes if `bytes` end too early.
 */
export function parseGgufHeader(bytes: Uint8Array, fileBytes: number, file: string): GgufHeader {
  const cursor = new Cursor(bytes, fileBytes, file);
  if (fileBytes < 24 || cursor.u32() !== MAGIC) throw modelError(`${file} is not a GGUF file.`);
  const version = cursor.u32();
  if (version !== 2 && version !== 3) throw versionError(version, file);
  const tensorCount = cursor.count(LEAST_TENSOR_BYTES, "tensors");
  if (tensorCount > MAX_TENSORS) throw modelError(`${file} announces ${tensorCount} tensors; no model has so many.`);
  const metadata = readMetadata(cursor, readMetadataCount(cursor));
  const alignment = alignmentOf(metadata, file);
  const entries = readEntries(cursor, tensorCount);
  // Without tensors there may be no padding either.
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const [name, { offset, ...entry }] of entries) {
    if (offset % BigInt(alignment) !== 0n) {
      throw modelError(`${file}: tensor ${quote(name)} does not begin at a multiple of ${alignment} bytes.`);
    }
    if (offset + BigInt(dataStart + entry.bytes) > BigInt(fileBytes)) {
      throw modelError(`${file} is cut off: tensor ${quote(name)} reaches past its end. Download it again.`);
    }
    tensors.set(name, { ...entry, offset: dataStart + Number(offset) });
  }
  checkOverlaps(tensors, file);
  return { version, metadata, tensors };
}

function versionError(version: number, file: string): Error {
  // A big-endian file has its version's byte at the other end.
  if (version === 0x02000000 || version === 0x03000000) {
    return modelError(`${file} is a big-endian GGUF file; only little-endian ones can be read.`);
  }
  return modelError(`${file} is of GGUF version ${version}; versions 2 and 3 can be read. Look for a newer file.`);
}

function alignmentOf(metadata: Metadata, file: string): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  const valid =
    typeof alignment === "number" &&
    alignment > 0 &&
    alignment <= MAX_ALIGNMENT &&
    Number.isInteger(Math.log2(alignment));
  if (!valid) throw modelError(`${file} has an alignment that is not a power of two up to ${MAX_ALIGNMENT}.`);
  return alignment;
}

type Entry = Omit<GgufTensor, "offset"> & { offset: bigint };

function readEntries(cursor: Cursor, count: number): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (let i = 0; i < count; i++) {
    const name = cursor.string(MAX_TENSOR_NAME_BYTES);
    if (entries.has(name)) throw modelError(`${cursor.file} has the tensor ${quote(name)} twice.`);
    entries.set(name, readEntry(cursor, name));
  }
  return entries;
}

function readEntry(cursor: Cursor, name: string): Entry {
  const { file } = cursor;
  const dimensions = cursor.u32();
  if (dimensions > MAX_DIMENSIONS) throw modelError(`${file}: tensor ${quote(name)} has ${dimensions} dimensions.`);
  const sizes = Array.from({ length: dimensions }, () => cursor.u64());
  const typeId = cursor.u32();
  const offset = cursor.u64();
  const type = tensorTypeOf(typeId);
  if (type === undefined) {
    throw modelError(
      `${file}: tensor ${quote(name)} is ${describeTensorType(typeId)}; supported are ${SUPPORTED_TENSOR_TYPES}. Choose another quantisation of the model.`,
    );
  }
  const block = TENSOR_TYPES[type];
  // As bigint: dimensions come from the file and their product may overflow anything else.
  const elements = sizes.reduce((product, size) => product * size, 1n);
  if ((sizes[0] ?? 1n) % BigInt(block.elements) !== 0n) {
    throw modelError(`${file}: the rows of tensor ${quote(name)} are not whole ${type} blocks.`);
  }
  const bytes = (elements / BigInt(block.elements)) * BigInt(block.bytes);
  if (bytes > BigInt(cursor.fileBytes) || sizes.some((size) => size > BigInt(Number.MAX_SAFE_INTEGER))) {
    throw modelError(`${file}: tensor ${quote(name)} announces more weights than the file has bytes for.`);
  }
  return { type, shape: sizes.map(Number).toReversed(), elements: Number(elements), bytes: Number(bytes), offset };
}

function checkOverlaps(tensors: ReadonlyMap<string, GgufTensor>, file: string): void {
  let end = 0;
  for (const [name, tensor] of [...tensors].toSorted(([, a], [, b]) => a.offset - b.offset)) {
    if (tensor.offset < end) throw modelError(`${file}: the bytes of tensor ${quote(name)} overlap another's.`);
    end = tensor.offset + tensor.bytes;
  }
}
