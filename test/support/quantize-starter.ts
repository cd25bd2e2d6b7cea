import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { Decoder } from "../../node-agent/engine/decoder.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { type QuantizeOptions, quantizeModel } from "../../node-agent/model/quantization/quantize-model.ts";
import { recipeSchema } from "../../node-agent/model/quantization/recipe.ts";
import type { Multiply } from "../../node-agent/runtime/matrix-product.ts";
import type { Quantization } from "../../shared/inference/model.ts";
import { STARTER } from "./engine-starter.ts";

/** Quantises the starter (or the model at `path`) into a new folder under `parent`. Returns it, and what rounding did. */
export async function quantizeInto(
  parent: string,
  recipe: Record<string, unknown>,
  options: Partial<Pick<QuantizeOptions, "path" | "calibration">> = {},
) {
  const folder = await mkdtemp(join(parent, "quantised-"));
  const errors = await quantizeModel({
    path: STARTER,
    target: folder,
    recipe: recipeSchema.parse(recipe),
    threads: 1,
    ...options,
  });
  return { folder, errors };
}

/** Loads a model, compiled under `parent`. */
export async function loadUnder(
  parent: string,
  folder: string,
  quantization: Quantization,
  slots = 1,
): Promise<Decoder & AsyncDisposable> {
  const cacheDir = join(parent, "compiled");
  const decoder = await loadDecoder({ folder, quantization, cacheDir, slots, threads: 1 });
  return Object.assign(decoder, { [Symbol.asyncDispose]: () => decoder.dispose() });
}

/** The slow twin of ONNX Runtime's product of matrices. */
export const slowMultiply: Multiply = async (a, b, m, k, n) =>
  Float32Array.from({ length: m * n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += (a[Math.floor(i / n) * k + j] ?? 0) * (b[j * n + (i % n)] ?? 0);
    return sum;
  });
