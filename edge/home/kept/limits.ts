/** What conversations of OpenAI's clients may cost, each with its reason. */
export const KEPT_LIMITS = {
  /** As long as OpenAI keeps responses. */
  keptMs: 30 * 24 * 3600_000,
  /** Of one caller: a response is kept with all before it, so a long conversation takes some megabytes. */
  bytesPerCaller: 64 * 1024 * 1024,
  /** Of one household: an object's storage is a gigabyte, and jobs, sessions and answers want theirs. */
  bytes: 256 * 1024 * 1024,
  /** Of one caller. */
  recordsPerCaller: 20_000,
} as const;
