import { type ErrorCode, ERRORS } from "../../../shared/errors.ts";
import { JOB_LIMITS } from "./limits.ts";

/**
 * Errors that say that no machine can take a job now: it waits, and no attempt was made. A model that nobody has was there when the
 * job came, and may come back.
 */
const WAITS: readonly ErrorCode[] = [
  "agent_offline",
  "overloaded",
  "rate_limit_exceeded",
  "model_busy",
  "model_not_found",
];

/** Whether an error means to wait for a machine or a limit. */
export function isWait(code: ErrorCode): boolean {
  return WAITS.includes(code);
}

/** Whether another attempt could end otherwise. */
export function mayRetry(code: ErrorCode, attempts: number): boolean {
  return ERRORS[code].retryable && attempts < JOB_LIMITS.attempts;
}

/**
 * Pause after so many attempts that failed: doubling, and then a part of it by chance ("equal jitter"), so that what failed together
 * does not come again together. @param random in [0, 1)
 */
export function backOffMs(attempts: number, random: number): number {
  const fullMs = Math.min(JOB_LIMITS.backOffMaxMs, JOB_LIMITS.backOffMs * 2 ** (attempts - 1));
  return Math.round(fullMs / 2 + (fullMs / 2) * random);
}
