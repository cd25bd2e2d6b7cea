import { halfTensor } from "../../runtime/half-tensor.ts";
import { Tensor, type Tensors } from "../../runtime/session.ts";
import { toFloat32 } from "../float-formats.ts";
import type { OnnxNames } from "./files.ts";
import { type DecoderSignature, LOGITS_TO_KEEP } from "./signature.ts";

/** Rows of tokens that one run computes; all have as many tokens. */
export interface Rows {
  tokens: readonly (readonly number[])[];
  /** Positions that each row has in the cache already. */
  pasts: readonly number[];
}

/** The inputs of a run beside the cache. Rows that are shorter than the longest are padded behind, in the mask alone. */
export function rowFeeds(
  signature: DecoderSignature,
  names: OnnxNames,
  { tokens, pasts }: Rows,
  logits: number,
): Tensors {
  const length = tokens[0]?.length ?? 0;
  const total = Math.max(...pasts) + length;
  const dims = [tokens.length, length];
  const feeds: Tensors = { [names.tokens]: integers(signature.tokensType, tokens.flat(), dims) };
  if (signature.maskType !== undefined) {
    const mask = pasts.flatMap((past) => Array.from({ length: total }, (_, i) => (i < past + length ? 1 : 0)));
    feeds[names.mask] = integers(signature.maskType, mask, [tokens.length, total]);
  }
  if (signature.positionsType !== undefined) {
    const positions = pasts.flatMap((past) => Array.from({ length }, (_, i) => past + i));
    feeds[names.positions] = integers(signature.positionsType, positions, dims);
  }
  if (signature.keepsLogits) feeds[LOGITS_TO_KEEP] = integers("int64", [logits], []);
  return feeds;
}

function integers(type: "int32" | "int64", values: readonly number[], dims: readonly number[]): Tensor {
  return type === "int32"
    ? new Tensor("int32", Int32Array.from(values), dims)
    : new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

/** A tensor of real numbers over `length` elements of the buffer; float16 is held in its first half. */
export function floatTensor(type: "float32" | "float16", buffer: Float32Array, dims: readonly number[]): Tensor {
  const length = dims.reduce((product, dim) => product * dim, 1);
  return type === "float32"
    ? new Tensor("float32", buffer.subarray(0, length), dims)
    : halfTensor(new Uint16Array(buffer.buffer, buffer.byteOffset, length), dims);
}

/** The elements of a tensor of float32 or float16, as float32: a view if they are that already. */
export function floatsOf({ data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (!ArrayBuffer.isView(data)) throw new TypeError("The tensor holds no real numbers.");
  return toFloat32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), "F16");
}
