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

/** Bytes of real numbers in a format, little-endian; rounds to nearest where it is narrower (ties to even). */
export function fromFloat32(values: Float32Array, format: FloatFormat): Uint8Array {
  if (format === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bytes = new Uint8Array(values.length * FLOAT_BYTES[format]);
  const view = new DataView(bytes.buffer);
  if (format === "F16") for (const [i, value] of values.entries()) view.setUint16(2 * i, halfBits(value), true);
  else for (const [i, value] of values.entries()) view.setUint16(2 * i, brainBits(value), true);
  return bytes;
}

const word = new DataView(new ArrayBuffer(4));

/** The bits of the bfloat16 nearest to a finite number. */
function brainBits(value: number): number {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Half-precision numbers between these have full precision. */
export const HALF_RANGE = { smallest: 2 ** -14, largest: 65_504 } as const;

/** The bits of the half-precision number nearest to a finite one. */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < HALF_RANGE.smallest) return sign | roundEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  const mantissa = roundEven((size / 2 ** exponent - 1) * 1024);
  // A mantissa that rounds up to 1024 carries into the exponent, which is what addition does.
  return sign | Math.min(0x7c00, ((exponent + 15) << 10) + mantissa);
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
