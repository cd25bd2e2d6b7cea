/** What files and batches of OpenAI's clients may cost, each with its reason. */
export const BATCH_LIMITS = {
  /** Of one file: it crosses between Worker and object in one call, which takes 32 MiB. */
  fileBytes: 25 * 1024 * 1024,
  /** Of one caller, results included, and of a household: an object's storage is a gigabyte. */
  bytesPerCaller: 96 * 1024 * 1024,
  bytes: 256 * 1024 * 1024,
  filesPerCaller: 500,
  batchesPerCaller: 100,
  /** As long as responses. */
  keptMs: 30 * 24 * 3600_000,
  /** Of one batch: what machines at home get done in a day. */
  lines: 5_000,
  /** Of one line, and of its answer: a row takes 2 MB. */
  lineBytes: 1024 * 1024,
  /** Lines of a household that are in the queue at once: whoever comes by themselves finds it short. */
  queued: 16,
  /** The one window there is. */
  windowMs: 24 * 3600_000,
  /** When no line could be put into the queue, it is tried again. */
  lookAgainMs: 15_000,
  /** Lines whose faults are told. */
  errors: 20,
} as const;
