import { concatBytes } from "../../bytes.ts";
import {
  CLOSE_LIST,
  COMMA,
  isScalar,
  isSpace,
  type ObjectBeginning,
  ObjectSeeker,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
} from "./json-bytes.ts";
import { JsonScanner, KEY_BYTES } from "./json-scanner.ts";
import { IMPORT_LIMITS } from "./limits.ts";
import type { ImportProblemCode } from "./problem.ts";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** How much of an entry is kept to name it by, should it be damaged. */
const HEAD_BYTES = 512;
/** The list's name, where it stands in an object. */
const LIST_KEY = "conversations";

/** The first two keys of a conversation in each format: where something is broken, the next of these is where reading goes on. */
const BEGINNINGS: readonly (readonly [string, string])[] = [
  ["title", "create_time"],
  ["uuid", "name"],
  ["format", "version"],
];

/** An entry of a list, or what is wrong in its place. `entry` counts from 1. */
export type SplitEntry =
  | { entry: number; byte: number; value: unknown }
  | { entry: number; byte: number; problem: ImportProblemCode; label?: string };

/**
 * Cuts a large JSON text into the elements of its list without holding more than one of them: `[{...}, {...}]`, `{"conversations":
 * [...]}`, or objects in a row (as in NDJSON). What is damaged is told and left out, and the rest goes on.
 */
export class JsonSplitter {
  #found: SplitEntry[] = [];
  #mode: "between" | "entry" | "search" | "done" = "between";
  /** Where entries stand: in a list, in a list within an object, or in a row. */
  #place: "row" | "list" | "inner list" = "row";
  #sawList = false;
  readonly #scanner = new JsonScanner();
  readonly #seeker = new ObjectSeeker(KEY_BYTES);
  #beginnings = BEGINNINGS;
  /** Bytes before this chunk. */
  #offset = 0;
  #entry = 0;
  #entryByte = 0;
  #parts: Uint8Array[] = [];
  #partBytes = 0;
  /** Where in this chunk the current entry goes on. */
  #from = 0;
  #isTooLarge = false;
  #head: Uint8Array = new Uint8Array();
  /** This may be an entry: it is if behind this key its second one says so. */
  #candidate: string | undefined;

  /** Takes the next bytes; returns what ended in them. Chunks must not be changed afterwards. */
  push(chunk: Uint8Array): SplitEntry[] {
    let i = this.#offset === 0 && BYTE_ORDER_MARK.every((byte, at) => chunk[at] === byte) ? 3 : 0;
    this.#from = i;
    while (i < chunk.length) i = this.#step(chunk, i);
    if (this.#mode === "entry") this.#keep(chunk, chunk.length);
    this.#offset += chunk.length;
    return this.#take();
  }

  /** The file has ended. */
  end(): SplitEntry[] {
    if (this.#mode === "entry" && this.#scanner.end()) this.#complete(new Uint8Array(), 0);
    if (this.#mode === "entry" && this.#candidate === undefined) this.#report("truncated", this.#entryByte);
    else if (this.#mode === "between" && this.#place !== "row") {
      this.#found.push({ entry: this.#entry + 1, byte: this.#offset, problem: "unfinished" });
    } else if (this.#mode === "between" && this.#entry === 0 && !this.#sawList) {
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

  #step(chunk: Uint8Array, i: number): number {
    if (this.#mode === "between") return this.#between(chunk[i] ?? 0, i);
    if (this.#mode === "entry") return this.#scan(chunk, i);
    return this.#mode === "search" ? this.#search(chunk, i) : chunk.length;
  }

  #between(byte: number, i: number): number {
    if (isSpace(byte) || byte === COMMA) return i + 1;
    if (this.#place === "row" && byte === OPEN_LIST) {
      this.#sawList = true;
      this.#place = "list";
      return i + 1;
    }
    if (this.#place !== "row" && byte === CLOSE_LIST) {
      // Behind a list that stood in an object comes the rest of that object.
      if (this.#place === "inner list") this.#mode = "done";
      this.#place = "row";
      return i + 1;
    }
    if (this.#place === "row" && byte !== OPEN_OBJECT && this.#entry === 0 && !this.#sawList) {
      this.#found.push({ entry: 0, byte: this.#offset + i, problem: "not_export" });
      this.#mode = "done";
      return i;
    }
    if (byte === OPEN_OBJECT || byte === OPEN_LIST || byte === QUOTE || isScalar(byte)) {
      this.#begin(i, this.#offset + i);
      this.#entry += 1;
      return i;
    }
    this.#found.push({ entry: this.#entry + 1, byte: this.#offset + i, problem: "stray_text" });
    this.#startSearch();
    return i + 1;
  }

  #begin(from: number, byte: number): void {
    this.#entryByte = byte;
    this.#parts = [];
    this.#partBytes = 0;
    this.#from = from;
    this.#isTooLarge = false;
    this.#head = new Uint8Array();
    this.#candidate = undefined;
    this.#scanner.begin();
    this.#mode = "entry";
  }

  #scan(chunk: Uint8Array, i: number): number {
    const outcome = this.#scanner.scan(chunk, i);
    const { next } = this.#scanner;
    if (outcome === "ended") this.#complete(chunk, next);
    else if (outcome === "key") this.#keyRead(this.#scanner.key);
    else if (outcome === "list") this.#listOpened();
    else if (outcome !== "more") this.#fail(outcome, chunk, next);
    return next;
  }

  #keyRead(key: string): void {
    const first = this.#candidate;
    if (first === undefined) return;
    if (!this.#beginnings.some((pair) => pair[0] === first && pair[1] === key)) return this.#startSearch();
    this.#candidate = undefined;
    this.#entry += 1;
  }

  /** What looked like an entry may be what holds the list. */
  #listOpened(): void {
    if (this.#place !== "row" || this.#scanner.key !== LIST_KEY || this.#candidate !== undefined) return;
    this.#entry -= 1;
    this.#sawList = true;
    this.#place = "inner list";
    this.#mode = "between";
  }

  #complete(chunk: Uint8Array, next: number): void {
    this.#keep(chunk, next);
    if (this.#candidate !== undefined) return this.#startSearch(); // An object of one key.
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
  #fail(problem: ImportProblemCode, chunk: Uint8Array, i: number): void {
    this.#keep(chunk, i);
    if (this.#candidate === undefined) this.#report(problem, this.#entryByte);
    else this.#startSearch();
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
    this.#parts = [];
    this.#seeker.reset();
  }

  #search(chunk: Uint8Array, i: number): number {
    const beginning = this.#seeker.find(chunk, i, this.#offset);
    if (beginning === undefined) return chunk.length;
    if (this.#beginnings.some(([first]) => first === beginning.key)) this.#beginCandidate(beginning);
    return beginning.next;
  }

  #beginCandidate({ byte, key, next }: ObjectBeginning): void {
    this.#begin(next, byte);
    this.#candidate = key;
    this.#parts = [new TextEncoder().encode(`{"${key}":`)];
    this.#head = this.#parts[0] ?? this.#head;
    this.#scanner.begin(true);
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
