import { concatBytes } from "../../../shared/bytes.ts";
import { RUN_LIMITS } from "./limits.ts";

const NEWLINE = 0x0a;

interface Chunk {
  first: number;
  lines: number;
  /** Where it begins in the whole answer. */
  offset: number;
  bytes: Uint8Array;
}

/** The numbered lines of one answer, in memory. Beyond a few MiB it loses its beginning. */
export class RunLog {
  #chunks: Chunk[] = [];
  #next = 0;
  #end = 0;

  /** Number of the line that would come next. */
  get next(): number {
    return this.#next;
  }

  /** Number of the first line that is still there. */
  get first(): number {
    return this.#chunks[0]?.first ?? this.#next;
  }

  /** Bytes of all lines that ever came. */
  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#end - (this.#chunks[0]?.offset ?? this.#end);
  }

  /** Whole lines, which are copied. */
  append(lines: readonly Uint8Array[]): void {
    // A single part comes back as it is, and belongs to the message it came in.
    const bytes = lines.length === 1 ? concatBytes([...lines]).slice() : concatBytes([...lines]);
    if (bytes.length === 0) return;
    this.#chunks.push({ first: this.#next, lines: lines.length, offset: this.#end, bytes });
    this.#next += lines.length;
    this.#end += bytes.length;
    while (this.bytes > RUN_LIMITS.logBytes && this.#chunks.length > 1) this.#chunks.shift();
  }

  /** What comes from line `from` on, as it was taken in: undefined where there is nothing yet. `from` is not below `first`. */
  read(from: number): { bytes: Uint8Array; next: number; end: number } | undefined {
    if (from >= this.#next) return undefined;
    const chunk = this.#chunks[this.#find(from)];
    if (chunk === undefined) return undefined;
    const { first, lines, offset, bytes } = chunk;
    return { bytes: skipLines(bytes, from - first), next: first + lines, end: offset + bytes.length };
  }

  /** All lines from number `from` on. */
  slice(from: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let part = this.read(from); part !== undefined; part = this.read(part.next)) pieces.push(part.bytes);
    return concatBytes(pieces);
  }

  /** Where line `from` begins in the whole answer, as far as whole chunks tell: never after it. */
  offsetOf(from: number): number {
    return from >= this.#next ? this.#end : (this.#chunks[this.#find(from)]?.offset ?? this.#end);
  }

  /** The last chunk that begins at `from` or before. */
  #find(from: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#chunks[middle]?.first ?? 0) <= from) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function skipLines(bytes: Uint8Array, lines: number): Uint8Array {
  let start = 0;
  for (let skipped = 0; skipped < lines; skipped++) start = bytes.indexOf(NEWLINE, start) + 1;
  return bytes.subarray(start);
}
