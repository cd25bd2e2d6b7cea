import { CONTRIB, type Value } from "../runtime/graph-builder.ts";
import type { ModelConfig } from "./config.ts";
import type { Stream } from "./graph-values.ts";
import { addVector, type Weights } from "./linear.ts";

/** RMSNorm (arXiv:1910.07467) over the last axis of `size`. */
export async function addNorm(
  config: ModelConfig,
  weights: Weights,
  name: string,
  gainTensor: string,
  input: Value,
  size: number,
): Promise<Value> {
  const gain = await addVector(weights, gainTensor, size, config.gainOffset);
  const attributes = { axis: -1, epsilon: { float: config.normEpsilon } };
  return weights.graph.node(name, "SimplifiedLayerNormalization", [input, gain], { attributes });
}

/** RMSNorm of residual + delta; also gives that sum. */
export async function addStreamNorm(
  config: ModelConfig,
  weights: Weights,
  name: string,
  gainTensor: string,
  { delta, residual }: Stream,
): Promise<{ normed: Value; residual: Value }> {
  const size = config.hiddenSize;
  if (delta === undefined)
    return { normed: await addNorm(config, weights, name, gainTensor, residual, size), residual };
  const gain = await addVector(weights, gainTensor, size, config.gainOffset);
  const sum = `${name}.sum`;
  const normed = weights.graph.node(name, "SkipSimplifiedLayerNormalization", [delta, residual, gain], {
    domain: CONTRIB,
    attributes: { epsilon: { float: config.normEpsilon } },
    outputs: [name, "", "", sum],
  });
  return { normed, residual: sum };
}
