import { randomBytes } from "node:crypto";

/** A seeded source of numbers in [0, 1) with 53 random bits. */
export type Random = () => number;

const MASK_64 = (1n << 64n) - 1n;

/**
 * xoshiro128** 1.1 (Blackman and Vigna, prng.di.unimi.it), seeded by SplitMix64 as its authors advise. The same seed gives the
 * same numbers on every machine; without one, they come from the system's entropy.
 */
export function createRandom(seed?: number): Random {
  const splitMix = createSplitMix64(seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(seed));
  const [low, high] = [splitMix(), splitMix()];
  const next = createXoshiro128(
    Uint32Array.of(Number(low & 0xffffffffn), Number(low >> 32n), Number(high & 0xffffffffn), Number(high >> 32n)),
  );
  return () => {
    const upper = next() >>> 5;
    const lower = next() >>> 6;
    return (upper * 0x4000000 + lower) / 2 ** 53;
  };
}

/** 32-bit outputs from a state of four words, not all zero. */
export function createXoshiro128(state: Uint32Array): () => number {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** SplitMix64 (Steele, Lea and Flood 2014): 64-bit outputs. */
function createSplitMix64(seed: bigint): () => bigint {
  let state = BigInt.asUintN(64, seed);
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64;
    let mixed = state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
    return mixed ^ (mixed >> 31n);
  };
}
