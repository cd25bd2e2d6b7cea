import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import type { GraphBuilder, Value } from "../runtime/graph-builder.ts";
import type { ElementType } from "../runtime/onnx-proto.ts";

/** Pages are mapped whole: a tensor that begins on one is mapped without a copy. */
const ALIGNMENT = 4096;
/** Below this a tensor is kept in the graph itself. */
const INLINE_BYTES = 1024;

/** The file of external initializers of a graph, written from front to back. */
export class WeightFile {
  readonly #handle: FileHandle;
  readonly #name: string;
  #position = 0;

  private constructor(handle: FileHandle, name: string) {
    this.#handle = handle;
    this.#name = name;
  }

  static async create(path: string): Promise<WeightFile> {
    return new WeightFile(await open(path, "wx"), basename(path));
  }

  /** Adds a whole tensor to the file (or to the graph, if it is small) and to `graph` as an initializer. */
  async add(
    graph: GraphBuilder,
    name: string,
    data: Float32Array | Uint8Array | Int8Array,
    dims: readonly number[],
  ): Promise<Value> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.byteLength < INLINE_BYTES) {
      return graph.initializer(name, typeOf(data), dims, { kind: "inline", bytes: bytes.slice() });
    }
    const offset = this.#align();
    await this.#append(bytes);
    return this.#external(graph, name, typeOf(data), dims, offset);
  }

  /** Adds a tensor whose bytes `write` appends in order, so that it need never be in memory as a whole. */
  async stream(
    graph: GraphBuilder,
    name: string,
    type: ElementType,
    dims: readonly number[],
    write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<Value> {
    const offset = this.#align();
    await write((bytes) => this.#append(bytes));
    return this.#external(graph, name, type, dims, offset);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.byteLength) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, this.#position);
      done += bytesWritten;
      this.#position += bytesWritten;
    }
  }

  #align(): number {
    this.#position = Math.ceil(this.#position / ALIGNMENT) * ALIGNMENT;
    return this.#position;
  }

  #external(graph: GraphBuilder, name: string, type: ElementType, dims: readonly number[], offset: number): Value {
    const data = { kind: "external", file: this.#name, offset, length: this.#position - offset } as const;
    return graph.initializer(name, type, dims, data);
  }
}

function typeOf(data: Float32Array | Uint8Array | Int8Array): ElementType {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Int8Array ? "int8" : "uint8";
}
