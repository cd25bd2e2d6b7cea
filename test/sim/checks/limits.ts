import { Violation } from "../kernel/kernel.ts";
import type { World } from "../world.ts";

const MINUTE_MS = 60_000;

/** No key got more than its limits allow. Throws a Violation. */
export function checkLimits(world: World): void {
  const byCaller = Map.groupBy(world.admitted, ({ caller }) => caller.id);
  for (const [id, admitted] of byCaller) {
    const [first] = admitted;
    const { requestsPerMinute } = first?.caller.limits ?? { requestsPerMinute: null };
    if (requestsPerMinute !== null)
      checkPace(
        id,
        admitted.map(({ atMs }) => atMs),
        requestsPerMinute,
      );
  }
}

function checkPace(id: string, timesMs: readonly number[], limit: number): void {
  timesMs.forEach((atMs, n) => {
    const last = timesMs[n + limit];
    if (last !== undefined && last - atMs < MINUTE_MS) {
      throw new Violation(`${id} had ${limit + 1} requests within ${Math.round(last - atMs)} ms`);
    }
  });
}
