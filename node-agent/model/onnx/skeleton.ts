import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { PbfWriter } from "pbf";
import { modelError } from "../model-error.ts";

/** Messages of onnx.proto on the way to tensors, each with the fields that hold another of them. */
const NESTED = {
  model: { 7: "graph", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  function: { 7: "node" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: {},
} as const satisfies Record<string, Record<number, string>>;
type Kind = keyof typeof NESTED;

/** Fields of a tensor that hold its elements. */
const TENSOR_DATA: ReadonlySet<number> = new Set([4, 5, 6, 7, 9, 10, 11]);
const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;
/** What a graph of a thousand layers takes without its weights is a tenth of this. */
const MAX_SKELETON_BYTES = 64 * 1024 * 1024;
/** Subgraphs in subgraphs: exporters nest two or three. */
const MAX_DEPTH = 32;
const WINDOW_BYTES = 64 * 1024;
const LONGEST_VARINT = 10;

/**
 * Reads an ONNX file without the elements of its tensors: the bytes of a ModelProto that says everything else. Weights are skipped and
 * not read. Throws `model_load_failed` for a file that is no ONNX model.
 */
export async function readSkeleton(path: string): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (error) {
    throw modelError(`${path} could not be opened.`, error);
  }
  await using file = handle;
  const entry = await file.stat();
  if (!entry.isFile()) throw modelError(`${basename(path)} is not a file.`);
  const walker = new Walker(file, basename(path));
  return await walker.strip("model", 0, entry.size, 0);
}

/** Walks through protobuf messages in a file, a window of bytes at a time. */
class Walker {
  readonly #file: FileHandle;
  readonly #name: string;
  #window = new Uint8Array(0);
  #windowStart = 0;
  #kept = 0;

  constructor(file: FileHandle, name: string) {
    this.#file = file;
    this.#name = name;
  }

  /** A copy of the message in bytes [start, end) without the elements of tensors. */
  async strip(kind: Kind, start: number, end: number, depth: number): Promise<Uint8Array> {
    if (depth > MAX_DEPTH) throw this.#broken("its graphs are nested too deep");
    const nested: Readonly<Record<number, Kind>> = NESTED[kind];
    const parts: Uint8Array[] = [];
    let at = start;
    while (at < end) {
      const key = await this.#varint(at, end);
      const [tag, wire] = [Math.floor(key.value / 8), key.value % 8];
      const body = await this.#bodyOf(wire, key.end, end);
      const inner = wire === WIRE.delimited ? nested[tag] : undefined;
      if (inner !== undefined) {
        const writer = new PbfWriter();
        writer.writeBytesField(tag, await this.strip(inner, body.start, body.end, depth + 1));
        parts.push(writer.finish());
      } else if (kind !== "tensor" || !TENSOR_DATA.has(tag)) {
        parts.push(await this.#copy(at, body.end));
      }
      at = body.end;
    }
    return Buffer.concat(parts);
  }

  /** Where a field's content begins and ends. */
  async #bodyOf(wire: number, at: number, limit: number): Promise<{ start: number; end: number }> {
    let start = at;
    let end: number;
    if (wire === WIRE.varint) end = (await this.#varint(at, limit)).end;
    else if (wire === WIRE.fixed64) end = at + 8;
    else if (wire === WIRE.fixed32) end = at + 4;
    else if (wire === WIRE.delimited) {
      const length = await this.#varint(at, limit);
      start = length.end;
      end = start + length.value;
    } else throw this.#broken("it is not an ONNX model");
    if (!Number.isSafeInteger(end) || end > limit) throw this.#broken("it ends too early");
    return { start, end };
  }

  async #varint(at: number, limit: number): Promise<{ value: number; end: number }> {
    const length = Math.min(LONGEST_VARINT, limit - at);
    const bytes = await this.#bytes(at, length);
    let value = 0;
    for (const [i, byte] of bytes.entries()) {
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return { value, end: at + i + 1 };
    }
    throw this.#broken("it is not an ONNX model");
  }

  async #copy(start: number, end: number): Promise<Uint8Array> {
    this.#kept += end - start;
    if (this.#kept > MAX_SKELETON_BYTES) throw this.#broken(`its graph is larger than ${MAX_SKELETON_BYTES} bytes`);
    return Uint8Array.from(await this.#bytes(start, end - start));
  }

  /** A view of the window that the next call may move. */
  async #bytes(start: number, length: number): Promise<Uint8Array> {
    if (start < this.#windowStart || start + length > this.#windowStart + this.#window.length) {
      const buffer = new Uint8Array(Math.max(length, WINDOW_BYTES));
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, start);
      if (bytesRead < length) throw this.#broken("it ends too early");
      this.#window = buffer.subarray(0, bytesRead);
      this.#windowStart = start;
    }
    return this.#window.subarray(start - this.#windowStart, start - this.#windowStart + length);
  }

  #broken(why: string) {
    return modelError(`${this.#name} cannot be read: ${why}. Download it again.`);
  }
}
