const DAY = 24 * 3600_000;

/** For how long metadata is good, and how long before its end it is signed anew. */
export const LIVES = {
  /** A year: its key lies in a drawer. The command says when it is time. */
  root: { lifeMs: 365 * DAY, renewMs: 60 * DAY },
  targets: { lifeMs: 180 * DAY, renewMs: 60 * DAY },
  snapshot: { lifeMs: 7 * DAY, renewMs: 4 * DAY },
  /** How long somebody in between could hide a revocation; also how long a market may be down before nobody trusts it. */
  timestamp: { lifeMs: DAY, renewMs: 18 * 3600_000 },
  /** How often it is looked after. */
  upkeepMs: 3600_000,
  /** What was replaced serves clients that are under way. */
  keptMs: 2 * DAY,
} as const;

/** Packages that get into or out of the metadata at a time: as many bins are read and signed. */
export const MOST_AT_ONCE = 20;
