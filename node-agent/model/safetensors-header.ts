import { z } from "zod";
import { modelError } from "./model-error.ts";

/** Bytes per element of every dtype that the format knows. */
const DTYPE_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;
export type Dtype = keyof typeof DTYPE_BYTES;

const entrySchema = z.object({
  dtype: z.enum(Object.keys(DTYPE_BYTES) as [Dtype, ...Dtype[]]), // Object.keys loses the key type; the table is const
  shape: z.array(z.number().int().nonnegative()).max(8),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/** One tensor of a file: where its bytes begin in the file, and what they are. */
export interface StoredTensor {
  dtype: Dtype;
  shape: readonly number[];
  elements: number;
  /** Byte offset from the beginning of the file. */
  offset: number;
  bytes: number;
}

export const LENGTH_PREFIX_BYTES = 8;
/** Fifty thousand tensors fit; a parser fed more than this is being attacked. */
export const MAX_HEADER_BYTES = 16 * 1024 * 1024;

/** Size of the JSON header, from the file's first 8 bytes (little-endian u64), checked against the file's size. */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (prefix.byteLength < LENGTH_PREFIX_BYTES) throw modelError(`${file} is not a safetensors file: it is too short.`);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw modelError(`${file} is not a safetensors file: it announces a header of ${length} bytes.`);
  }
  if (LENGTH_PREFIX_BYTES + Number(length) > fileBytes) {
    throw modelError(`${file} is cut off inside its header. Download it again.`);
  }
  return Number(length);
}

/**
 * Parses and checks a safetensors header: every tensor's bytes are as many as its shape says, inside the file, and together they
 * cover the data without a gap or an overlap (as the format demands). Throws `model_load_failed`.
 */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): Map<string, StoredTensor> {
  const dataStart = LENGTH_PREFIX_BYTES + json.byteLength;
  const tensors = new Map<string, StoredTensor>();
  const spans: { name: string; begin: number; end: number }[] = [];
  for (const [name, value] of Object.entries(parseObject(json, file))) {
    if (name === "__metadata__") continue;
    const entry = entrySchema.safeParse(value);
    if (!entry.success)
      throw modelError(`${file}: the header entry of tensor ${quote(name)} is malformed.`, entry.error);
    const { dtype, shape, data_offsets: offsets } = entry.data;
    const [begin, end] = offsets;
    const elements = shape.reduce((product, dim) => product * dim, 1);
    if (!Number.isSafeInteger(elements * DTYPE_BYTES[dtype]) || end - begin !== elements * DTYPE_BYTES[dtype]) {
      throw modelError(`${file}: tensor ${quote(name)} has ${end - begin} bytes, which is not what its shape needs.`);
    }
    tensors.set(name, { dtype, shape, elements, offset: dataStart + begin, bytes: end - begin });
    spans.push({ name, begin, end });
  }
  checkCoverage(spans, fileBytes - dataStart, file);
  return tensors;
}

function parseObject(json: Uint8Array, file: string): object {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch (error) {
    throw modelError(`${file}: the header is not valid JSON.`, error);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw modelError(`${file}: the header is not a JSON object.`);
  }
  return header;
}

function checkCoverage(spans: { name: string; begin: number; end: number }[], dataBytes: number, file: string): void {
  let covered = 0;
  for (const span of spans.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (span.end > dataBytes) {
      throw modelError(`${file} is cut off: tensor ${quote(span.name)} reaches past its end. Download it again.`);
    }
    if (span.begin !== covered) {
      throw modelError(`${file}: the bytes of tensor ${quote(span.name)} overlap another's or leave a gap.`);
    }
    covered = span.end;
  }
  if (covered !== dataBytes) throw modelError(`${file} has ${dataBytes - covered} bytes that belong to no tensor.`);
}

/** A name from a file we do not trust, short enough for a message. */
function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
