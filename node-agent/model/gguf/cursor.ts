import { modelError } from "../model-error.ts";

/** The bytes at hand end before the value does, but the file does not: read more of it and parse again. */
export class NeedMoreBytes extends Error {
  /** Bytes from the beginning of the file that are needed at least. */
  readonly bytes: number;

  constructor(bytes: number) {
    super(`${bytes} bytes are needed.`);
    this.bytes = bytes;
  }
}

/**
 * Reads little-endian values from the beginning of a file, of which `bytes` are at hand. Every length is checked against the size of
 * the whole file first, then against the bytes at hand: throws `model_load_failed` if the file is too short, NeedMoreBytes if only
 * what was read of it is.
 */
export class Cursor {
  readonly file: string;
  readonly fileBytes: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array, fileBytes: number, file: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileBytes = fileBytes;
    this.file = file;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.fileBytes - this.#position;
  }

  u8 = (): number => this.#view.getUint8(this.#advance(1));
  i8 = (): number => this.#view.getInt8(this.#advance(1));
  u16 = (): number => this.#view.getUint16(this.#advance(2), true);
  i16 = (): number => this.#view.getInt16(this.#advance(2), true);
  u32 = (): number => this.#view.getUint32(this.#advance(4), true);
  i32 = (): number => this.#view.getInt32(this.#advance(4), true);
  f32 = (): number => this.#view.getFloat32(this.#advance(4), true);
  u64 = (): bigint => this.#view.getBigUint64(this.#advance(8), true);
  i64 = (): bigint => this.#view.getBigInt64(this.#advance(8), true);
  f64 = (): number => this.#view.getFloat64(this.#advance(8), true);

  /** A u64 that counts things of at least `unitBytes` each in the rest of the file; `what` names them in the error. */
  count(unitBytes: number, what: string): number {
    const count = this.u64();
    if (count > BigInt(Math.floor(this.remaining / unitBytes))) {
      throw modelError(`${this.file} announces ${count} ${what}, more than it has bytes for. Download it again.`);
    }
    return Number(count);
  }

  /** A string: its length in bytes, then UTF-8. Broken UTF-8 becomes replacement characters, as vocabularies have some. */
  string(maxBytes: number): string {
    const length = this.count(1, "bytes of text");
    if (length > maxBytes) {
      throw modelError(`${this.file}: a text of ${length} bytes is longer than any that belongs there.`);
    }
    const start = this.#advance(length);
    return utf8.decode(this.#bytes.subarray(start, start + length));
  }

  /** Where the next `length` bytes begin; moves past them. */
  #advance(length: number): number {
    const start = this.#position;
    const end = start + length;
    if (end > this.fileBytes) throw modelError(`${this.file} is cut off inside its header. Download it again.`);
    if (end > this.#bytes.byteLength) throw new NeedMoreBytes(end);
    this.#position = end;
    return start;
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
