import {
  BACKSLASH,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isScalar,
  isSpace,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
} from "./json-bytes.ts";
import { IMPORT_LIMITS } from "./limits.ts";

/** Of a key that anybody looks at. */
export const KEY_BYTES = 40;

/** What a scan came to: the chunk's end, the value's end, a key or a list directly in the value, or what is wrong. */
export type ScanOutcome = "more" | "ended" | "key" | "list" | "broken_json" | "too_deep";

type Expected = "value" | "value_or_end" | "key" | "key_or_end" | "colon" | "comma_or_end";

/**
 * Follows the structure of one JSON value byte by byte: brackets, strings, commas and colons, each where it may stand. What numbers, words
 * and escapes say is left to the parser. It holds a few hundred bytes, however large the value is.
 */
export class JsonScanner {
  #mode: "structure" | "key" | "string" | "escape" | "key_escape" | "scalar" = "structure";
  #expected: Expected = "value";
  /** What each open bracket is. */
  readonly #kinds = new Uint8Array(IMPORT_LIMITS.depth + 1);
  #depth = 0;
  #key: number[] = [];
  /** Where the scan stands in the chunk, behind what it took. */
  next = 0;

  /** The last key read, as far as anybody looks at keys. */
  get key(): string {
    return String.fromCharCode(...this.#key);
  }

  /** A value comes; or the value of a key, within an object whose beginning is known. */
  begin(isInObject = false): void {
    this.#mode = "structure";
    this.#expected = "value";
    this.#depth = isInObject ? 1 : 0;
    this.#kinds[1] = OPEN_OBJECT;
  }

  /** Goes on from `start`; `next` then says how far. What is wrong is at `next`. */
  scan(chunk: Uint8Array, start: number): ScanOutcome {
    this.next = start;
    while (this.next < chunk.length) {
      const outcome = this.#step(chunk);
      if (outcome !== "more") return outcome;
    }
    return "more";
  }

  /** The file has ended: whether the value has, too. */
  end(): boolean {
    return this.#mode === "scalar" && this.#depth === 0;
  }

  #step(chunk: Uint8Array): ScanOutcome {
    switch (this.#mode) {
      case "structure":
        return this.#structure(chunk[this.next] ?? 0);
      case "string":
        return this.#string(chunk);
      case "key":
        return this.#readKey(chunk);
      case "scalar":
        return this.#scalar(chunk);
      case "escape":
      case "key_escape":
      default:
        this.#mode = this.#mode === "escape" ? "string" : "key";
        this.next += 1;
        return "more";
    }
  }

  #structure(byte: number): ScanOutcome {
    const expected = this.#expected;
    const wantsValue = expected === "value" || expected === "value_or_end";
    if (wantsValue && isScalar(byte)) {
      this.#mode = "scalar";
      return "more";
    }
    if (wantsValue && (byte === OPEN_OBJECT || byte === OPEN_LIST)) return this.#open(byte);
    if (this.#closes(byte)) {
      this.next += 1;
      this.#depth -= 1;
      return this.#valueEnded();
    }
    if (byte === QUOTE && wantsValue) this.#mode = "string";
    else if (byte === QUOTE && (expected === "key" || expected === "key_or_end")) {
      this.#key = [];
      this.#mode = "key";
    } else if (byte === COLON && expected === "colon") this.#expected = "value";
    else if (byte === COMMA && expected === "comma_or_end") {
      this.#expected = this.#kinds[this.#depth] === OPEN_OBJECT ? "key" : "value";
    } else if (!isSpace(byte)) return "broken_json";
    this.next += 1;
    return "more";
  }

  #open(byte: number): ScanOutcome {
    if (this.#depth >= IMPORT_LIMITS.depth) return "too_deep";
    this.#depth += 1;
    this.#kinds[this.#depth] = byte;
    this.#expected = byte === OPEN_OBJECT ? "key_or_end" : "value_or_end";
    this.next += 1;
    return byte === OPEN_LIST && this.#depth === 2 ? "list" : "more";
  }

  #closes(byte: number): boolean {
    if (this.#depth === 0 || (byte !== CLOSE_OBJECT && byte !== CLOSE_LIST)) return false;
    const [open, atStart] = byte === CLOSE_OBJECT ? [OPEN_OBJECT, "key_or_end"] : [OPEN_LIST, "value_or_end"];
    return this.#kinds[this.#depth] === open && (this.#expected === atStart || this.#expected === "comma_or_end");
  }

  #string(chunk: Uint8Array): ScanOutcome {
    for (let i = this.next; i < chunk.length; i++) {
      const byte = chunk[i] ?? 0;
      if (byte !== QUOTE && byte !== BACKSLASH && byte >= 0x20) continue;
      this.next = i;
      if (byte < 0x20) return "broken_json";
      this.next = i + 1;
      if (byte === QUOTE) return this.#valueEnded();
      this.#mode = "escape";
      return "more";
    }
    this.next = chunk.length;
    return "more";
  }

  #readKey(chunk: Uint8Array): ScanOutcome {
    const byte = chunk[this.next] ?? 0;
    if (byte < 0x20) return "broken_json";
    this.next += 1;
    if (byte === QUOTE) {
      this.#mode = "structure";
      this.#expected = "colon";
      return this.#depth === 1 ? "key" : "more";
    }
    if (this.#key.length < KEY_BYTES) this.#key.push(byte);
    if (byte === BACKSLASH) this.#mode = "key_escape";
    return "more";
  }

  #scalar(chunk: Uint8Array): ScanOutcome {
    while (this.next < chunk.length && isScalar(chunk[this.next] ?? 0)) this.next += 1;
    return this.next < chunk.length ? this.#valueEnded() : "more";
  }

  #valueEnded(): ScanOutcome {
    this.#mode = "structure";
    this.#expected = "comma_or_end";
    return this.#depth === 0 ? "ended" : "more";
  }
}
