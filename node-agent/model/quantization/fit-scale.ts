import { storedScale } from "./model-writer.ts";

/** Scales that are tried, as fractions of the one that reaches the largest weight: a smaller one cuts it off and rounds the rest finer. */
const FRACTIONS = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65];

/**
 * The scale with which 16 levels, -8 to 7, come closest to a group of values, each error counting by its weight. Both signs are tried:
 * the side with eight levels can be either.
 */
export function fitScale(values: Float64Array, weights: Float64Array): number {
  let extreme = 0;
  for (const value of values) extreme = Math.max(extreme, Math.abs(value));
  if (extreme === 0) return 0;
  let best = { scale: 0, error: Number.POSITIVE_INFINITY };
  for (const fraction of FRACTIONS) {
    for (const levels of [-8, 8]) {
      const found = refine((extreme / levels) * fraction, values, weights);
      if (found.error < best.error) best = found;
    }
  }
  return best.scale;
}

/** The best scale for the levels that a first scale gives, and what it costs. */
function refine(first: number, values: Float64Array, weights: Float64Array): { scale: number; error: number } {
  const inverse = 1 / first;
  let [dot, squares, total] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const [value, weight] = [values[i] ?? 0, weights[i] ?? 0];
    const level = Math.max(-8, Math.min(7, Math.round(value * inverse)));
    dot += weight * value * level;
    squares += weight * level * level;
    total += weight * value * value;
  }
  if (squares === 0) return { scale: 0, error: total };
  return { scale: storedScale(dot / squares), error: total - (dot * dot) / squares };
}
