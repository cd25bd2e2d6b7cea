import { type FileHandle, open } from "node:fs/promises";
import { type Dtype, LENGTH_PREFIX_BYTES } from "../safetensors-header.ts";

/** Room kept for a tensor's entry in the header, beside its name: dtype, two dimensions, two offsets. */
const ENTRY_BYTES = 160;

/**
 * Writes one safetensors file, tensor after tensor, whose bytes need never be in memory as a whole. The header comes first in the file
 * and is known last: room is kept for it, and filled with spaces, as the format allows.
 */
export class SafetensorsWriter {
  readonly #handle: FileHandle;
  readonly #headerBytes: number;
  readonly #entries: Record<string, unknown> = { __metadata__: { format: "pt" } };
  #end = 0;

  private constructor(handle: FileHandle, headerBytes: number) {
    this.#handle = handle;
    this.#headerBytes = headerBytes;
  }

  /** @param names of all tensors that will be added; others may not be */
  static async create(path: string, names: readonly string[]): Promise<SafetensorsWriter> {
    const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(JSON.stringify(name)) + ENTRY_BYTES, ENTRY_BYTES);
    return new SafetensorsWriter(await open(path, "wx"), Math.ceil(bytes / 8) * 8);
  }

  /** Adds a tensor whose bytes `write` appends in order. */
  async add(
    name: string,
    dtype: Dtype,
    shape: readonly number[],
    write: (append: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const begin = this.#end;
    await write((bytes) => this.#append(bytes));
    this.#entries[name] = { dtype, shape, data_offsets: [begin, this.#end] };
  }

  /** Adds a small tensor. */
  async addWhole(name: string, dtype: Dtype, shape: readonly number[], bytes: Uint8Array): Promise<void> {
    await this.add(name, dtype, shape, (append) => append(bytes));
  }

  /** Writes the header; the file is then whole, and on the disk. Throws RangeError if more was added than announced. */
  async finish(): Promise<void> {
    const json = Buffer.from(JSON.stringify(this.#entries));
    if (json.length > this.#headerBytes)
      throw new RangeError("The header is longer than the room that was kept for it.");
    const header = Buffer.alloc(LENGTH_PREFIX_BYTES + this.#headerBytes, " ");
    header.writeBigUInt64LE(BigInt(this.#headerBytes));
    json.copy(header, LENGTH_PREFIX_BYTES);
    await this.#write(header, 0);
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes, LENGTH_PREFIX_BYTES + this.#headerBytes + this.#end);
    this.#end += bytes.byteLength;
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.byteLength - done, position + done);
      done += bytesWritten;
    }
  }
}
