/** Element formats of a safetensors file that hold real numbers, and how many bytes one takes. */
export const FLOAT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
export type FloatFormat = keyof typeof FLOAT_BYTES;

/** Widens little-endian bytes to float32; exact for all three formats. `bytes` must be a whole number of elements. */
export function toFloat32(bytes: Uint8Array, format: FloatFormat): Float32Array {
  const count = bytes.byteLength / FLOAT_BYTES[format];
  if (format === "F32") return new Float32Array(bytes.slice().buffer);
  const source = new Uint16Array(
    bytes.byteOffset % 2 === 0 ? bytes.buffer : bytes.slice().buffer,
    alignedOffset(bytes),
    count,
  );
  const bits = new Uint32Array(count);
  if (format === "BF16") {
    for (let i = 0; i < count; i++) bits[i] = (source[i] ?? 0) << 16;
  } else {
    const table = halfTable();
    for (let i = 0; i < count; i++) bits[i] = table[source[i] ?? 0] ?? 0;
  }
  return new Float32Array(bits.buffer);
}

/** Uint16Array needs an even offset; an odd one means that the bytes are copied first. */
function alignedOffset(bytes: Uint8Array): number {
  return bytes.byteOffset % 2 === 0 ? bytes.byteOffset : 0;
}

let halves: Uint32Array | undefined;

/** float32 bits of each of the 65,536 half-precision numbers (IEEE 754 binary16). */
function halfTable(): Uint32Array {
  halves ??= Uint32Array.from({ length: 65536 }, (_, half) => halfToFloatBits(half));
  return halves;
}

let halfValues: Float32Array | undefined;

/** The value of each of the 65,536 half-precision numbers. */
export function halfFloats(): Float32Array {
  halfValues ??= new Float32Array(halfTable().buffer);
  return halfValues;
}

function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (mantissa << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // Subnormal: shift the leading one up to the implied place; each shift costs one of the exponent.
  const shift = Math.clz32(mantissa) - 21;
  return (sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13)) >>> 0;
}
