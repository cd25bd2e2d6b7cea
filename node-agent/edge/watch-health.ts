/** How often it is asked, and how long it may take. */
export interface HealthTiming {
  everyMs: number;
  patienceMs: number;
}

/** A machine that is busy may take its time; one that has not answered for this long, three times over, does not come back by itself. */
const TIMING: HealthTiming = { everyMs: 10_000, patienceMs: 15_000 };
const MISSES = 3;

/** Asks the edge at `origin` for its health as long as this process lives; calls back once when it has stopped answering. */
export function watchHealth(
  origin: string,
  onStuck: (message: string) => void,
  { everyMs, patienceMs }: HealthTiming = TIMING,
): void {
  let misses = 0;
  const ask = async (): Promise<void> => {
    const signal = AbortSignal.timeout(patienceMs);
    misses = (await fetch(`${origin}/healthz`, { signal }).then(({ ok }) => ok, isAnswered)) ? 0 : misses + 1;
    if (misses >= MISSES) onStuck(`workerd did not answer for ${(MISSES * patienceMs) / 1000} s`);
    else setTimeout(() => void ask(), everyMs).unref();
  };
  setTimeout(() => void ask(), everyMs).unref();
}

/** A connection that fails at once tells of a workerd that ended, and then that is what is reported. */
function isAnswered(error: unknown): boolean {
  return !(error instanceof DOMException && error.name === "TimeoutError");
}
