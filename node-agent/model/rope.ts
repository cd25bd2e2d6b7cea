import type { LlamaConfig } from "./config.ts";

/**
 * Cosines and sines of the rotary embedding (Su et al., arXiv:2104.09864), row-major [maxPositions, headDim / 2]: position p turns
 * pair i by p x theta^(-2i / headDim).
 */
export function ropeCaches(config: Pick<LlamaConfig, "maxPositions" | "headDim" | "ropeTheta">): {
  cos: Float32Array;
  sin: Float32Array;
} {
  const pairs = config.headDim / 2;
  const cos = new Float32Array(config.maxPositions * pairs);
  const sin = new Float32Array(config.maxPositions * pairs);
  for (let pair = 0; pair < pairs; pair++) {
    const frequency = config.ropeTheta ** ((-2 * pair) / config.headDim);
    for (let position = 0; position < config.maxPositions; position++) {
      cos[position * pairs + pair] = Math.cos(position * frequency);
      sin[position * pairs + pair] = Math.sin(position * frequency);
    }
  }
  return { cos, sin };
}
