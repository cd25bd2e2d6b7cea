/** The distance from which all share the last bucket. */
const FARTHEST = 128;

/**
 * The bucket of each token's distance to each other, row-major [length, length]: as T5 for both directions (Raffel et al.,
 * arXiv:1910.10683): half of the buckets for what comes after; of each half, half for single distances and half for growing ones.
 */
export function relativeBuckets(length: number, buckets: number): Int32Array {
  const half = buckets >> 1;
  const exact = half >> 1;
  const bucketOf = (distance: number): number => {
    const side = distance > 0 ? half : 0;
    const far = Math.abs(distance);
    if (far < exact) return side + far;
    const grown = exact + Math.trunc((Math.log(far / exact) / Math.log(FARTHEST / exact)) * (half - exact));
    return side + Math.min(half - 1, grown);
  };
  return Int32Array.from({ length: length * length }, (_, i) => bucketOf((i % length) - Math.floor(i / length)));
}
