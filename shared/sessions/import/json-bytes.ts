export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_LIST = 0x5b;
export const CLOSE_LIST = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** What numbers, true, false and null are made of; whether they are any is the parser's to say. */
export function isScalar(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x2d ||
    byte === 0x2b ||
    byte === 0x2e
  );
}

/** An object's beginning: where its brace is in the file, its first key, and where in the chunk its value begins. */
export interface ObjectBeginning {
  byte: number;
  key: string;
  next: number;
}

/** Looks for `{ "key" :` in bytes that need not be JSON. An unescaped `{"` cannot stand inside of a string. */
export class ObjectSeeker {
  #seek: "brace" | "quote" | "key" | "colon" = "brace";
  #byte = 0;
  #key: number[] = [];
  readonly #keyBytes: number;

  /** @param keyBytes longer keys are none that anybody looks for. */
  constructor(keyBytes: number) {
    this.#keyBytes = keyBytes;
  }

  reset(): void {
    this.#seek = "brace";
  }

  /** The first one from `start` on; undefined: none yet, and the next chunk goes on. `offset`: where the chunk stands in the file. */
  find(chunk: Uint8Array, start: number, offset: number): ObjectBeginning | undefined {
    let i = start;
    while (i < chunk.length) {
      if (this.#seek === "brace") {
        const brace = chunk.indexOf(OPEN_OBJECT, i);
        if (brace === -1) return undefined;
        this.#byte = offset + brace;
        this.#key = [];
        this.#seek = "quote";
        i = brace + 1;
      } else if (this.#take(chunk[i] ?? 0)) {
        return { byte: this.#byte, key: String.fromCharCode(...this.#key), next: i + 1 };
      } else if (chunk[i] !== OPEN_OBJECT || !this.#isAtBrace()) i++;
    }
    return undefined;
  }

  #isAtBrace(): boolean {
    return this.#seek === "brace";
  }

  /** Whether this byte is the colon behind the key. */
  #take(byte: number): boolean {
    if (this.#seek === "key") {
      if (byte === QUOTE) this.#seek = "colon";
      else if (byte === BACKSLASH || this.#key.length >= this.#keyBytes) this.#seek = "brace";
      else this.#key.push(byte);
      return false;
    }
    if (isSpace(byte)) return false;
    const isColon = this.#seek === "colon" && byte === COLON;
    this.#seek = this.#seek === "quote" && byte === QUOTE ? "key" : "brace";
    return isColon;
  }
}
