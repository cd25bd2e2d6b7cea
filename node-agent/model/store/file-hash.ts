import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { TensorHash } from "./manifest.ts";
import type { TensorSpan } from "./tensor-spans.ts";

const READ_BYTES = 1024 * 1024;

export interface FileHashes {
  /** In hex. */
  sha256: string;
  /** Git's id: SHA-1 over `blob SIZE\0` and the content, in hex. */
  gitId: string;
  /** Of each of `spans`, in their order. */
  tensors: TensorHash[];
}

/**
 * Hashes a file of `bytes`, read once: as a whole, and the tensors at `spans`, which are sorted by offset and do not overlap. A gitId is
 * only there when it is wanted.
 */
export async function hashFile(
  path: string,
  bytes: number,
  { spans = [], git = false, signal }: { spans?: readonly TensorSpan[]; git?: boolean; signal?: AbortSignal } = {},
): Promise<FileHashes> {
  const sha256 = createHash("sha256");
  const gitId = git ? createHash("sha1").update(`blob ${bytes}\0`) : undefined;
  const tensors = new TensorHasher(spans);
  for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES, ...(signal && { signal }) })) {
    sha256.update(piece);
    gitId?.update(piece);
    tensors.update(piece);
  }
  return { sha256: sha256.digest("hex"), gitId: gitId?.digest("hex") ?? "", tensors: tensors.finish() };
}

/** Cuts a stream of bytes at the borders of tensors. */
class TensorHasher {
  readonly #spans: readonly TensorSpan[];
  readonly #hashes: TensorHash[] = [];
  #current: Hash = createHash("sha256");
  #position = 0;

  constructor(spans: readonly TensorSpan[]) {
    this.#spans = spans;
  }

  update(piece: Uint8Array): void {
    const end = this.#position + piece.length;
    for (let span = this.#next(); span !== undefined && span.offset < end; span = this.#next()) {
      const spanEnd = span.offset + span.bytes;
      this.#current.update(
        piece.subarray(Math.max(0, span.offset - this.#position), Math.min(piece.length, spanEnd - this.#position)),
      );
      if (spanEnd > end) break;
      this.#close(span);
    }
    this.#position = end;
  }

  /** Of those that the file was too short for there is no hash. */
  finish(): TensorHash[] {
    // An empty tensor at the very end has no byte that would have closed it.
    for (let span = this.#next(); span?.bytes === 0; span = this.#next()) this.#close(span);
    return this.#hashes;
  }

  #next(): TensorSpan | undefined {
    return this.#spans[this.#hashes.length];
  }

  #close(span: TensorSpan): void {
    this.#hashes.push({ ...span, sha256: this.#current.digest("hex") });
    this.#current = createHash("sha256");
  }
}
