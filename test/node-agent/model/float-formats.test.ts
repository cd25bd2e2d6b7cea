import { expect, test } from "vitest";
import { toFloat32 } from "../../../node-agent/model/float-formats.ts";

/** IEEE 754 binary16 by its definition: the slow twin of the table. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = (half & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

test("every half-precision number is widened exactly", () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const floats = toFloat32(new Uint8Array(halves.buffer), "F16");
  for (const [i, found] of floats.entries()) {
    if (!Object.is(found, halfValue(i))) throw new Error(`${i.toString(16)} became ${found}, not ${halfValue(i)}.`);
  }
});

test("bfloat16 is the upper half of a float32", () => {
  const source = Float32Array.of(1, -2.5, 3.140625, 0, -0, Number.POSITIVE_INFINITY, 2 ** -130);
  const upper = new Uint16Array(source.buffer).filter((_, i) => i % 2 === 1);
  expect([...toFloat32(new Uint8Array(upper.buffer), "BF16")]).toEqual([...source]);
});

test("bytes may begin anywhere", () => {
  const bytes = new Uint8Array(9);
  bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
  expect([...toFloat32(bytes.subarray(1), "F32")]).toEqual([1.5, -2]);
  const halves = new Uint8Array(3);
  halves.set([0x00, 0x3c], 1);
  expect([...toFloat32(halves.subarray(1), "F16")]).toEqual([1]);
});
