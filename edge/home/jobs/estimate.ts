import type { Prospect } from "./runner.ts";

/** A job that waits, and the machines that could take it. */
export interface Waiting {
  id: string;
  /** How long it waits of itself: after a failure, or by a limit. */
  delayMs: number;
  prospects: readonly Prospect[];
}

/**
 * When jobs are likely to start, in milliseconds from now, if each in its turn goes to the machine that would be done with it first.
 * What no machine can take now is left out: nobody knows when one comes.
 */
export function estimateStarts(waiting: readonly Waiting[]): Map<string, number> {
  const lanes = new Map<string, number[]>();
  const starts = new Map<string, number>();
  for (const { id, delayMs, prospects } of waiting) {
    let best: { startMs: number; endMs: number; its: number[]; lane: number } | undefined;
    for (const prospect of prospects) {
      const its = lanes.get(prospect.agentId) ?? lanesOf(prospect);
      lanes.set(prospect.agentId, its);
      const lane = its.indexOf(Math.min(...its));
      const startMs = Math.max(delayMs, its[lane] ?? 0);
      const endMs = startMs + prospect.runMs;
      if (best === undefined || endMs < best.endMs) best = { startMs, endMs, its, lane };
    }
    if (best === undefined) continue;
    best.its[best.lane] = best.endMs;
    starts.set(id, best.startMs);
  }
  return starts;
}

/** When each of a machine's slots is free: the next one as it is thought, the others spread over the time of a job after it. */
function lanesOf({ slots, load, waitMs, runMs }: Prospect): number[] {
  const busy = Math.min(slots, load);
  const nextMs = load >= slots ? waitMs : runMs / 2;
  return Array.from({ length: slots }, (_, lane) => (lane < busy ? nextMs + (runMs * lane) / slots : 0));
}
