/** llama.cpp's order of rows: those of a head's first and second half alternate. */
export function interleave(values: Float32Array, rows: number, heads: number): Float32Array {
  const columns = values.length / rows;
  const half = rows / heads / 2;
  const result = new Float32Array(values.length);
  let to = 0;
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < half; i++) {
      for (const row of [head * 2 * half + i, head * 2 * half + half + i]) {
        result.set(values.subarray(row * columns, (row + 1) * columns), to++ * columns);
      }
    }
  }
  return result;
}
