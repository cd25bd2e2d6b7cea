const SCALE_BYTES = 4;
const MOST = 127;

/**
 * A vector in a byte per component behind its scale as float32 (little-endian): symmetric linear quantization, as Jacob et al. (2018,
 * arXiv:1712.05877) have it with a zero point of 0. A quarter of the room, for an error of at most half a step in each component.
 */
export function packVector(vector: Float32Array): ArrayBuffer {
  const largest = vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const packed = new ArrayBuffer(SCALE_BYTES + vector.length);
  new DataView(packed).setFloat32(0, largest / MOST, true);
  const steps = new Int8Array(packed, SCALE_BYTES);
  if (largest > 0) steps.set(vector.map((value) => Math.round((value / largest) * MOST)));
  return packed;
}

/** The dot product of a vector with a packed one: the cosine where both are of length 1. 0 where they are of different sizes. */
export function similarity(vector: Float32Array, packed: ArrayBuffer): number {
  if (packed.byteLength !== SCALE_BYTES + vector.length) return 0;
  const steps = new Int8Array(packed, SCALE_BYTES);
  let sum = 0;
  for (let i = 0; i < steps.length; i++) sum += (steps[i] as number) * (vector[i] as number);
  return sum * new DataView(packed).getFloat32(0, true);
}
