const DAY_MS = 24 * 3600_000;

/** The UTC day of a moment, such as "2026-11-22". */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** Until the next UTC day begins. */
export function untilTomorrowMs(nowMs: number): number {
  return DAY_MS - (nowMs % DAY_MS);
}
