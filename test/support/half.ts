/** Bits of the nearest half-precision number, ties to even; for numbers in its range. */
export function toHalf(value: number): number {
  const size = Math.abs(value);
  const exponent = size === 0 ? -14 : Math.max(-14, Math.floor(Math.log2(size)));
  const units = size / 2 ** (exponent - 10);
  const rounded = units % 1 === 0.5 ? 2 * Math.round(units / 2) : Math.round(units);
  return ((value < 0 ? 1 : 0) << 15) | ((exponent + 14) * 1024 + rounded);
}

/** Half-precision numbers as little-endian bytes. */
export function halfBytes(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** Bits of the nearest bfloat16 number, ties to even; for finite numbers. */
export function toBrainFloat(value: number): number {
  float[0] = value;
  const [bits = 0] = floatBits;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
