/** What a seed decides. Two of the same seed and name give the same numbers. */
export class Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number, name = "") {
    this.#seed = hash(name, seed >>> 0);
    this.#a = this.#seed;
    this.#b = 0x9e3779b9;
    this.#c = 0x243f6a88;
    this.#d = 1;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** Numbers of their own for one part, so that one part drawing more of them changes no other. */
  fork(name: string): Random {
    return new Random(this.#seed, name);
  }

  /** sfc32, by Chris Doty-Humphrey (PractRand). */
  uint32(): number {
    const t = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }

  /** In [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** In [`min`, `max`), small ones as likely as large ones by order of magnitude: `min` must be above 0. */
  spread(min: number, max: number): number {
    return min * (max / min) ** this.fraction();
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.int(0, values.length - 1)] ?? values[0];
  }

  fillBytes(into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.uint32() & 0xff;
  }
}

/** FNV-1a over the text's UTF-16 units, begun with a number, and stirred. */
export function hash(text: string, begin = 0): number {
  let value = (0x811c9dc5 ^ begin) >>> 0;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value ^= value >>> 16;
  value = Math.imul(value, 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
