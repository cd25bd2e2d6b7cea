/** What schedules may cost, each with its reason. */
export const SCHEDULE_LIMITS = {
  /** Of a person: more than anybody keeps track of. */
  perPerson: 50,
  /** Of a household: each may have a job under way. */
  perHousehold: 500,
  /** Least time between two runs: an answer may take a machine that long, and the answers of jobs are kept by number. */
  intervalMinMs: 15 * 60_000,
  cronCharacters: 100,
  titleCharacters: 80,
  promptCharacters: 8_000,
  /** Runs of a schedule that are remembered. */
  runsKept: 20,
  /** Times that a person is shown before they come. */
  timesShown: 5,
  /** Missed times are counted up to this many: the number is for people. */
  missedCounted: 99,
  /** A run that waits for a machine is given up when the next one is due, but not sooner than the first and not later than the second. */
  deadlineMinMs: 24 * 3600_000,
  deadlineMaxMs: 7 * 24 * 3600_000,
  /** So many failures in a row pause a schedule: nobody looks at it any more. */
  failuresInRow: 10,
  /** After the database or the session store could not be asked. */
  retryMs: 30_000,
  /** Of an answer that is sent to a webhook; the whole one is at GET /api/jobs/{id}. */
  webhookAnswerCharacters: 64 * 1024,
} as const;
