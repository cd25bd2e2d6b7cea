/** The process's own clock and loop, taken before they are replaced: this module must be loaded first. */
const { setImmediate: realSetImmediate } = globalThis;
const { random } = Math;
const now = performance.now.bind(performance);
const { now: dateNow } = Date;

export const real = { random, performanceNow: now, dateNow };

/** Every microtask has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve));
}
