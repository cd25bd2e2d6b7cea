/** What jobs may cost, each with its reason. */
export const JOB_LIMITS = {
  /** Waiting and running, of a household: what machines at home get done in days. */
  active: 1_000,
  /** The same of one person: nobody fills the household's queue alone. */
  activePerPerson: 500,
  /** Requests that wait, in all: one object's storage is a gigabyte, and D1 and results want some of it. */
  waitingBytes: 128 * 1024 * 1024,
  /** An answer that is kept. With probabilities of every token one may grow large. */
  resultBytes: 4 * 1024 * 1024,
  /** How long an ended job and its answer are kept. */
  keptMs: 7 * 24 * 3600_000,
  /** Ended jobs that are kept; older ones go first. */
  kept: 1_000,
  /** Tries, with those that a machine's failure ended. A machine that was not there is not one. */
  attempts: 5,
  /** Pause after the first failure; twice as long after each next one. */
  backOffMs: 2_000,
  backOffMaxMs: 5 * 60_000,
  /** Deadline of a job that has none of its own, and the longest. */
  deadlineMs: 24 * 3600_000,
  deadlineMaxMs: 7 * 24 * 3600_000,
  deadlineMinMs: 10_000,
  /** How much earlier or later than it came a job counts for its priority: nobody waits for ever, however many others outrank them. */
  priorityMs: 3600_000,
  /** How often what waits is looked at although nothing was heard: a machine's health counts again by time alone. */
  lookAgainMs: 15_000,
  /** Jobs that one look at the queue considers: those behind have no machine sooner. */
  considered: 200,
  /** Longest wait that a caller's limit asks for at once: limits may be raised meanwhile. */
  limitWaitMaxMs: 15 * 60_000,
  /** Of the question, for the list. */
  titleCharacters: 80,
  page: 50,
  pageMax: 200,
} as const;

/** SQLite in a Durable Object takes 2 MB in a row: larger bodies and answers are cut into such parts. */
export const PART_BYTES = 1024 * 1024;
