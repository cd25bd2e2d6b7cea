import { concatBytes } from "../../bytes.ts";
import {
  BACKSLASH,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isScalar,
  isSpace,
  ObjectSeeker,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
} from "./json-bytes.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import type { ImportProblemCode } from "./problem.ts";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** How much of an entry is kept to name it by, should it be damaged. */
const HEAD_BYTES = 512;
const KEY_BYTES = 40;

/**
 * The first two keys of a conversation in each format: where something is broken, the next of these is where reading goes on. An
 * unescaped `{"` cannot stand inside of a string.
 */
const BEGINNINGS: readonly (readonly [string, string])[] = [
  ["title", "create_time"],
  ["uuid", "name"],
  ["format", "version"],
];

/** An entry of a list, or what is wrong in its place. `entry` counts from 1. */
export type SplitEntry =
  | { entry: number; byte: number; value: unknown }
  | { entry: number; byte: number; problem: ImportProblemCode; label?: string };

type Expected = "value" | "value_or_end" | "key" | "key_or_end" | "colon" | "comma_or_end";

/**
 * Cuts a large JSON text into the elements of its list without holding more than one of them: `[{...}, {...}]`, `{"conversations":
 * [...]}`, or objects in a row (as in NDJSON). What is damaged is told and left out, and the rest goes on.
 */
export class JsonSplitter {
  #found: SplitEntry[] = [];
  #mode: "between" | "structure" | "key" | "string" | "escape" | "key_escape" | "scalar" | "search" | "done" =
    "between";
  #expected: Expected = "value";
  /** What each open bracket is. */
  readonly #kinds = new Uint8Array(IMPORT_LIMITS.depth + 1);
  #depth = 0;
  /** The depth at which entries stand: 0 for objects in a row. */
  #base = 0;
  #offset = 0;
  #entry = 0;
  #entryByte = 0;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Where in this chunk the current entry goes on. */
  #from = 0;
  #isTooLarge = false;
  #head: Uint8Array = new Uint8Array();
  #key: number[] = [];
  #keys: string[] = [];
  /** This may be an entry: it is if its second key says so. */
  #isCandidate = false;
  readonly #seeker = new ObjectSeeker(KEY_BYTES);
  #sawList = false;
  #beginnings: readonly (readonly [string, string])[] = BEGINNINGS;

  /** Takes the next bytes; returns what ended in them. Chunks must not be changed afterwards. */
  push(chunk: Uint8Array): SplitEntry[] {
    let i = this.#offset === 0 && BYTE_ORDER_MARK.every((byte, at) => chunk[at] === byte) ? 3 : 0;
    this.#from = i;
    while (i < chunk.length) i = this.#step(chunk, i);
    if (this.#isInEntry()) this.#keep(chunk, chunk.length);
    this.#offset += chunk.length;
    return this.#take();
  }

  /** The file has ended. */
  end(): SplitEntry[] {
    if (this.#mode === "scalar" && this.#depth === this.#base) this.#complete(new Uint8Array(), 0);
    if (this.#isInEntry() && !this.#isCandidate) this.#report("truncated", this.#entryByte);
    else if (this.#base > 0 && this.#mode === "between") {
      this.#found.push({ entry: this.#entry + 1, byte: this.#offset, problem: "unfinished" });
    } else if (this.#entry === 0 && this.#mode === "between" && !this.#sawList) {
      this.#found.push({ entry: 0, byte: 0, problem: "empty" });
    }
    this.#mode = "done";
    return this.#take();
  }

  #take(): SplitEntry[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  #isInEntry(): boolean {
    return this.#mode !== "between" && this.#mode !== "search" && this.#mode !== "done";
  }

  #step(chunk: Uint8Array, i: number): number {
    switch (this.#mode) {
      case "between":
        return this.#between(chunk, i);
      case "structure":
        return this.#structure(chunk, i);
      case "string":
        return this.#string(chunk, i);
      case "key":
        return this.#readKey(chunk, i);
      case "scalar":
        return this.#scalar(chunk, i);
      case "search":
        return this.#search(chunk, i);
      case "escape":
      case "key_escape":
        this.#mode = this.#mode === "escape" ? "string" : "key";
        return i + 1;
      case "done":
      default:
        return chunk.length; // What comes behind the list is nobody's.
    }
  }

  #between(chunk: Uint8Array, i: number): number {
    const byte = chunk[i] ?? 0;
    if (isSpace(byte) || byte === COMMA) return i + 1;
    if (this.#base === 0 && byte === OPEN_LIST) {
      this.#sawList = true;
      this.#base = this.#depth = 1;
      return i + 1;
    }
    if (this.#base > 0 && byte === CLOSE_LIST) {
      // Behind a list that stood in an object comes the rest of that object.
      if (this.#base > 1) this.#mode = "done";
      this.#base = this.#depth = 0;
      return i + 1;
    }
    if (this.#base === 0 && byte !== OPEN_OBJECT && this.#entry === 0 && !this.#sawList) {
      this.#found.push({ entry: 0, byte: this.#offset + i, problem: "not_export" });
      this.#mode = "done";
      return i;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST || byte === QUOTE || isScalar(byte)) {
      this.#begin(i);
      return i;
    }
    this.#found.push({ entry: this.#entry + 1, byte: this.#offset + i, problem: "stray_text" });
    this.#startSearch();
    return i + 1;
  }

  #begin(i: number): void {
    this.#entry += 1;
    this.#entryByte = this.#offset + i;
    this.#parts = [];
    this.#partBytes = 0;
    this.#isTooLarge = false;
    this.#isCandidate = false;
    this.#head = new Uint8Array();
    this.#keys = [];
    this.#from = i;
    this.#expected = "value";
    this.#mode = "structure";
  }

  #structure(chunk: Uint8Array, i: number): number {
    const byte = chunk[i] ?? 0;
    if (isSpace(byte)) return i + 1;
    const expected = this.#expected;
    const wantsValue = expected === "value" || expected === "value_or_end";
    if (byte === QUOTE && wantsValue) this.#mode = "string";
    else if (byte === QUOTE && (expected === "key" || expected === "key_or_end")) this.#startKey();
    else if (byte === COLON && expected === "colon") this.#expected = "value";
    else if (byte === COMMA && expected === "comma_or_end") {
      this.#expected = this.#kinds[this.#depth - this.#base] === OPEN_OBJECT ? "key" : "value";
    } else if ((byte === OPEN_OBJECT || byte === OPEN_LIST) && wantsValue) return this.#open(byte, chunk, i);
    else if (this.#closes(byte)) return this.#close(chunk, i);
    else if (wantsValue && isScalar(byte)) {
      this.#mode = "scalar";
      return i;
    } else return this.#fail("broken_json", chunk, i);
    return i + 1;
  }

  #startKey(): void {
    this.#key = [];
    this.#mode = "key";
  }

  #open(byte: number, chunk: Uint8Array, i: number): number {
    if (this.#depth - this.#base >= IMPORT_LIMITS.depth) return this.#fail("too_deep", chunk, i);
    const isWrapped =
      this.#base === 0 && this.#depth === 1 && byte === OPEN_LIST && this.#keys.at(-1) === "conversations";
    this.#depth += 1;
    if (isWrapped) {
      // What looked like an entry is what holds the list.
      this.#entry -= 1;
      this.#base = this.#depth;
      this.#mode = "between";
      return i + 1;
    }
    this.#kinds[this.#depth - this.#base] = byte;
    this.#expected = byte === OPEN_OBJECT ? "key_or_end" : "value_or_end";
    return i + 1;
  }

  #closes(byte: number): boolean {
    const kind = this.#kinds[this.#depth - this.#base];
    if (this.#depth === this.#base) return false;
    if (byte === CLOSE_OBJECT) {
      return kind === OPEN_OBJECT && (this.#expected === "key_or_end" || this.#expected === "comma_or_end");
    }
    return (
      byte === CLOSE_LIST &&
      kind === OPEN_LIST &&
      (this.#expected === "value_or_end" || this.#expected === "comma_or_end")
    );
  }

  #close(chunk: Uint8Array, i: number): number {
    this.#depth -= 1;
    this.#valueEnded(chunk, i + 1);
    return i + 1;
  }

  #string(chunk: Uint8Array, start: number): number {
    for (let i = start; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (byte === QUOTE) {
        this.#mode = "structure";
        this.#valueEnded(chunk, i + 1);
        return i + 1;
      }
      if (byte === BACKSLASH) {
        this.#mode = "escape";
        return i + 1;
      }
      if (byte < 0x20) return this.#fail("broken_json", chunk, i);
    }
    return chunk.length;
  }

  #readKey(chunk: Uint8Array, start: number): number {
    for (let i = start; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (byte === QUOTE) return this.#keyEnded(i + 1);
      if (byte < 0x20) return this.#fail("broken_json", chunk, i);
      if (this.#key.length < KEY_BYTES) this.#key.push(byte);
      if (byte === BACKSLASH) {
        this.#mode = "key_escape";
        return i + 1;
      }
    }
    return chunk.length;
  }

  #keyEnded(next: number): number {
    this.#mode = "structure";
    this.#expected = "colon";
    if (this.#depth !== this.#base + 1) return next;
    this.#keys = [...this.#keys.slice(-1), String.fromCharCode(...this.#key)];
    if (!this.#isCandidate) return next;
    const [first, second] = this.#keys;
    if (!this.#beginnings.some((pair) => pair[0] === first && pair[1] === second)) {
      this.#startSearch();
      return next;
    }
    this.#isCandidate = false;
    this.#entry += 1;
    return next;
  }

  #scalar(chunk: Uint8Array, start: number): number {
    let i = start;
    while (i < chunk.length && isScalar(chunk[i] ?? 0)) i++;
    if (i === chunk.length) return i;
    this.#mode = "structure";
    this.#valueEnded(chunk, i);
    return i;
  }

  /** A value has ended before `next`: an entry, if it stands where entries do. */
  #valueEnded(chunk: Uint8Array, next: number): void {
    this.#expected = "comma_or_end";
    if (this.#depth === this.#base) this.#complete(chunk, next);
  }

  #complete(chunk: Uint8Array, next: number): void {
    this.#keep(chunk, next);
    if (this.#isCandidate) return this.#startSearch(); // An object of one key.
    this.#mode = "between";
    const [entry, byte] = [this.#entry, this.#entryByte];
    const parts = this.#parts;
    this.#parts = [];
    if (this.#isTooLarge) return void this.#found.push({ entry, byte, problem: "too_large", ...this.#label() });
    const value = parseBytes(concatBytes(parts));
    if (value === undefined) return void this.#found.push({ entry, byte, problem: "broken_json", ...this.#label() });
    this.#learn(value.json);
    this.#found.push({ entry, byte, value: value.json });
  }

  /** Other versions of a format may begin with other keys. */
  #learn(json: unknown): void {
    if (typeof json !== "object" || json === null || Array.isArray(json)) return;
    const [first, second] = Object.keys(json);
    if (first === undefined || second === undefined) return;
    const isKnown = this.#beginnings.some((pair) => pair[0] === first && pair[1] === second);
    const isShort = first.length < KEY_BYTES && second.length < KEY_BYTES;
    if (!isKnown && isShort) this.#beginnings = [...BEGINNINGS, [first, second]];
  }

  #keep(chunk: Uint8Array, to: number): void {
    const part = chunk.subarray(this.#from, to);
    this.#from = 0;
    this.#partBytes += part.length;
    if (this.#head.length < HEAD_BYTES) this.#head = concatBytes([this.#head, part.slice(0, HEAD_BYTES)]);
    if (this.#partBytes > IMPORT_LIMITS.entryBytes) {
      this.#parts = [];
      this.#isTooLarge = true;
    } else if (part.length > 0) this.#parts.push(part);
  }

  /** The current entry is broken at `i`: says so, and looks for the next. */
  #fail(problem: ImportProblemCode, chunk: Uint8Array, i: number): number {
    this.#keep(chunk, i);
    if (this.#isCandidate) this.#startSearch();
    else this.#report(problem, this.#entryByte);
    return i;
  }

  #report(problem: ImportProblemCode, byte: number): void {
    this.#found.push({ entry: this.#entry, byte, problem, ...this.#label() });
    this.#startSearch();
  }

  #label(): { label?: string } {
    const text = new TextDecoder().decode(this.#head);
    const [, title] = /"(?:title|name)"\s*:\s*("(?:[^"\\]|\\.){1,120})/.exec(text) ?? [];
    const read = title === undefined ? undefined : parseText(`${title}"`);
    return typeof read === "string" ? { label: read } : {};
  }

  #startSearch(): void {
    this.#mode = "search";
    this.#depth = this.#base;
    this.#parts = [];
    this.#seeker.reset();
  }

  #search(chunk: Uint8Array, i: number): number {
    const beginning = this.#seeker.find(chunk, i, this.#offset);
    if (beginning === undefined) return chunk.length;
    if (this.#beginnings.some(([first]) => first === beginning.key)) this.#beginCandidate(beginning.key, beginning);
    return beginning.next;
  }

  #beginCandidate(key: string, { byte, next }: { byte: number; next: number }): void {
    this.#begin(next);
    this.#entry -= 1;
    this.#entryByte = byte;
    this.#isCandidate = true;
    this.#keys = [key];
    this.#parts = [new TextEncoder().encode(`{"${key}":`)];
    this.#head = this.#parts[0] ?? this.#head;
    this.#depth = this.#base + 1;
    this.#kinds[1] = OPEN_OBJECT;
  }
}

/** Undefined where it is no JSON in UTF-8. */
function parseBytes(bytes: Uint8Array): { json: unknown } | undefined {
  try {
    return { json: JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes)) };
  } catch {
    return undefined; // its place in the file is told instead
  }
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a title that is broken as well is not shown
  }
}
