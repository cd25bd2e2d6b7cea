/** How a caller stands with one limit. */
export interface LimitState {
  name: "requests" | "tokens" | "node-seconds";
  /** Null: there is none. */
  limit: number | null;
  used: number;
  resetMs: number;
}

/** The longest pause that OpenAI's SDKs wait out; for a longer one they are told not to try again. */
const SDK_PATIENCE_MS = 60_000;

/** `x-ratelimit-*` as OpenAI sends them, for the limits there are; with `waitMs` also what a refusal says about trying again. */
export function rateHeaders(states: readonly LimitState[], waitMs?: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { name, limit, used, resetMs } of states) {
    if (limit === null) continue;
    headers[`x-ratelimit-limit-${name}`] = String(limit);
    headers[`x-ratelimit-remaining-${name}`] = String(Math.max(0, Math.floor(limit - used)));
    headers[`x-ratelimit-reset-${name}`] = duration(resetMs);
  }
  if (waitMs !== undefined) {
    headers["retry-after-ms"] = String(Math.ceil(waitMs));
    if (waitMs > SDK_PATIENCE_MS) headers["x-should-retry"] = "false";
  }
  return headers;
}

/** "250ms", "7s", "6m0s" or "11h59m3s", as OpenAI writes it. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return `${h > 0 ? `${h}h` : ""}${h > 0 || m > 0 ? `${m}m` : ""}${s}s`;
}
