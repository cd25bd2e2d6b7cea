import { PorchlightError } from "../errors.ts";

const NEWLINE = 0x0a;
const PREFIX = '{"type":"';

/** What a line is to whoever keeps it. */
export type LineKind = "progress" | "event" | "usage" | "finish" | "error";

const KINDS: ReadonlyMap<string, LineKind> = new Map([
  ["progress", "progress"],
  ["usage", "usage"],
  ["finish", "finish"],
  ["error", "error"],
]);

const decoder = new TextDecoder();

/**
 * What a line of an answer is, by its beginning: events are written with their type first. Lines of progress are told to whoever
 * listens and are not kept: they have no number, so that numbers depend on the answer alone and not on how long it took.
 */
export function lineKind(line: Uint8Array): LineKind {
  const quote = line.indexOf(0x22, PREFIX.length);
  const start = quote === -1 ? "" : decoder.decode(line.subarray(0, quote));
  return (start.startsWith(PREFIX) ? KINDS.get(start.slice(PREFIX.length)) : undefined) ?? "event";
}

/** Cuts bytes into lines, each with its newline. Holds at most `maxBytes` of a line; throws `answer_unreadable` for one that is longer. */
export class LineSplitter {
  readonly #maxBytes: number;
  #rest: Uint8Array[] = [];
  #restBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `bytes` complete: views of it, but for one that began before. */
  push(bytes: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      lines.push(this.#complete(bytes.subarray(start, end + 1)));
      start = end + 1;
    }
    if (start < bytes.length) this.#keep(bytes.slice(start));
    return lines;
  }

  #complete(end: Uint8Array): Uint8Array {
    if (this.#restBytes === 0) return end;
    this.#keep(end);
    const line = new Uint8Array(this.#restBytes);
    let offset = 0;
    for (const piece of this.#rest) {
      line.set(piece, offset);
      offset += piece.length;
    }
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }

  #keep(piece: Uint8Array): void {
    if (this.#restBytes + piece.length > this.#maxBytes)
      throw new PorchlightError("answer_unreadable", "The home machine sent an event that is too long.");
    this.#rest.push(piece);
    this.#restBytes += piece.length;
  }
}
