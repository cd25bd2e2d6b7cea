import type { CodePoints } from "./grammar.ts";

/** Inclusive ranges of bytes, one for each byte of a character. */
export type ByteSequence = readonly (readonly [first: number, last: number])[];

/** Last code point of each length of UTF-8. */
const LENGTH_ENDS = [0x7f, 0x7ff, 0xffff, 0x10ffff];
const SURROGATES = [0xd800, 0xdfff] as const;

/**
 * The UTF-8 forms of a set of code points, surrogates left out. A range is cut where the length changes and where its ends do not
 * fill whole blocks of continuation bytes (the method of Ken Thompson's grep, as described by Russ Cox).
 */
export function utf8Sequences(set: CodePoints): ByteSequence[] {
  const out: ByteSequence[] = [];
  for (const [first, last] of set) {
    cut(first, Math.min(last, SURROGATES[0] - 1), out);
    cut(Math.max(first, SURROGATES[1] + 1), last, out);
  }
  return out;
}

function cut(first: number, last: number, out: ByteSequence[]): void {
  if (first > last) return;
  const end = LENGTH_ENDS.find((lengthEnd) => first <= lengthEnd && lengthEnd < last);
  if (end !== undefined) {
    cut(first, end, out);
    cut(end + 1, last, out);
    return;
  }
  for (let shift = 6; shift < (last > 0x7f ? 24 : 0); shift += 6) {
    const low = 2 ** shift - 1;
    if (Math.floor(first / (low + 1)) === Math.floor(last / (low + 1))) break;
    if ((first & low) !== 0) {
      cut(first, first | low, out);
      cut((first | low) + 1, last, out);
      return;
    }
    if ((last & low) !== low) {
      cut(first, (last & ~low) - 1, out);
      cut(last & ~low, last, out);
      return;
    }
  }
  const from = utf8.encode(String.fromCodePoint(first));
  const to = utf8.encode(String.fromCodePoint(last));
  out.push(Array.from(from, (byte, i) => [byte, to[i] ?? byte]));
}

const utf8 = new TextEncoder();
