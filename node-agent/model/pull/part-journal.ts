import { createHash } from "node:crypto";
import { constants, type FileHandle, open } from "node:fs/promises";

const HEADER_BYTES = 32;
const ENTRY_BYTES = 8;

/**
 * How much of each part of a file has arrived, in a file of its own: a hash that names what is downloaded, then per part the bytes
 * received from its start (unsigned, 64 bits, little-endian). Each entry is overwritten in place, after the bytes it vouches for.
 */
export class PartJournal {
  readonly parts: readonly { start: number; bytes: number }[];
  readonly #handle: FileHandle;
  readonly #received: number[];

  private constructor(handle: FileHandle, parts: PartJournal["parts"], received: number[]) {
    this.#handle = handle;
    this.parts = parts;
    this.#received = received;
  }

  /** Opens the journal at `path`; one of another download (`identity`, size, part size), or one that is damaged, starts anew. */
  static async open(path: string, of: { identity: string; bytes: number; partBytes: number }): Promise<PartJournal> {
    const parts = split(of.bytes, of.partBytes);
    const header = createHash("sha256").update(`${of.identity} ${of.bytes} ${of.partBytes}`).digest();
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT);
    const found = Buffer.alloc(HEADER_BYTES + parts.length * ENTRY_BYTES);
    const { bytesRead } = await handle.read(found, 0, found.length, 0);
    const resumed = bytesRead === found.length && found.subarray(0, HEADER_BYTES).equals(header);
    const received = parts.map(({ bytes }, index) => {
      const entry = resumed ? Number(found.readBigUInt64LE(HEADER_BYTES + index * ENTRY_BYTES)) : 0;
      return entry <= bytes ? entry : 0;
    });
    if (!resumed) {
      await handle.truncate(0);
      await handle.write(Buffer.concat([header, Buffer.alloc(parts.length * ENTRY_BYTES)]), 0, null, 0);
    }
    return new PartJournal(handle, parts, received);
  }

  received(part: number): number {
    return this.#received[part] ?? 0;
  }

  get totalReceived(): number {
    return this.#received.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Parts that are not whole yet, in order. */
  missing(): number[] {
    return this.parts.flatMap(({ bytes }, index) => (this.received(index) < bytes ? [index] : []));
  }

  /** Records that `bytes` of a part are in the file. */
  async mark(part: number, bytes: number): Promise<void> {
    this.#received[part] = bytes;
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.writeBigUInt64LE(BigInt(bytes));
    await this.#handle.write(entry, 0, ENTRY_BYTES, HEADER_BYTES + part * ENTRY_BYTES);
  }

  async reset(): Promise<void> {
    for (const part of this.parts.keys()) if (this.received(part) > 0) await this.mark(part, 0);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function split(bytes: number, partBytes: number): { start: number; bytes: number }[] {
  return Array.from({ length: Math.ceil(bytes / partBytes) }, (_, index) => ({
    start: index * partBytes,
    bytes: Math.min(partBytes, bytes - index * partBytes),
  }));
}
