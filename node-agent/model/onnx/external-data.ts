import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { modelError } from "../model-error.ts";
import type { OnnxElementType, OnnxGraph, OnnxTensor } from "./graph.ts";

/** Bits of an element, for types that weights have. */
const ELEMENT_BITS: Partial<Record<OnnxElementType, number>> = {
  float32: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  bool: 8,
  float16: 16,
  float64: 64,
  uint32: 32,
  uint64: 64,
  bfloat16: 16,
  float8e4m3fn: 8,
  float8e4m3fnuz: 8,
  float8e5m2: 8,
  float8e5m2fnuz: 8,
  uint4: 4,
  int4: 4,
  float4e2m1: 4,
};

const bytes = z.coerce.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const entriesSchema = z.object({
  /** The name of a file beside the model: no folder, so that no path can lead out of it. */
  location: z
    .string()
    .max(255)
    .regex(/^(?!\.{1,2}$)[^/\\:\0]+$/u),
  offset: bytes.default(0),
  length: bytes.optional(),
});

/**
 * Checks that all external weights of a model lie in files of its own folder, and whole. Returns the names of those files. ONNX Runtime
 * opens what a model names: this has to come first. Throws `model_load_failed`.
 */
export async function checkExternalData(
  modelPath: string,
  { external }: Pick<OnnxGraph, "external">,
): Promise<string[]> {
  const sizes = new Map<string, number>();
  const model = basename(modelPath);
  for (const tensor of external) {
    const parsed = entriesSchema.safeParse(Object.fromEntries(tensor.external ?? []));
    if (!parsed.success) {
      throw modelError(
        `${model}: the tensor ${tensor.name.slice(0, 200)} is kept in ${JSON.stringify(tensor.external?.get("location")?.slice(0, 200))}, which is no file beside the model. Do not use this model.`,
      );
    }
    const { location, offset, length } = parsed.data;
    const size = sizes.get(location) ?? (await sizeOf(join(dirname(modelPath), location), model));
    sizes.set(location, size);
    const wanted = byteLength(tensor);
    if (wanted === undefined || (length !== undefined && length !== wanted) || offset + wanted > size) {
      throw modelError(
        `${model}: the tensor ${tensor.name.slice(0, 200)} does not fit into ${location}, which has ${size} bytes. Download the model again.`,
      );
    }
  }
  return [...sizes.keys()];
}

function byteLength({ type, dims }: OnnxTensor): number | undefined {
  const bits = ELEMENT_BITS[type];
  const elements = elementCount(dims);
  return bits === undefined || elements === undefined ? undefined : Math.ceil((elements * bits) / 8);
}

/** Product of dimensions; undefined if one is negative or the product is beyond all tensors. */
export function elementCount(dims: readonly number[]): number | undefined {
  const elements = dims.reduce((product, dim) => (dim < 0 ? Number.NaN : product * dim), 1);
  return Number.isSafeInteger(elements) ? elements : undefined;
}

async function sizeOf(path: string, model: string): Promise<number> {
  const entry = await stat(path).catch(() => undefined);
  if (entry?.isFile() === true) return entry.size;
  throw modelError(`${model} keeps weights in ${basename(path)}, which is not beside it. Download the model again.`);
}
