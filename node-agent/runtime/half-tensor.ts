import { Tensor } from "onnxruntime-node";

/**
 * A tensor over the bits of float16 numbers. onnxruntime-common 1.30 makes a Float16Array of them, whose length the native part takes for
 * zero: it is given the bits instead.
 */
export function halfTensor(bits: Uint16Array, dims: readonly number[]): Tensor {
  const tensor = new Tensor("float16", bits, dims);
  return Object.defineProperty(tensor, "data", { value: bits });
}
