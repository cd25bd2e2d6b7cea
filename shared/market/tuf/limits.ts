/** What a client of a market takes, so that a server that never stops sending costs little. */
export const TUF_LIMITS = {
  rootBytes: 64 * 1024,
  timestampBytes: 16 * 1024,
  snapshotBytes: 2 * 1024 * 1024,
  targetsBytes: 4 * 1024 * 1024,
  /** New roots in a row: a root a year. */
  rootRotations: 32,
  /** Delegated roles that are looked into for one target. */
  delegations: 8,
  signatures: 32,
} as const;
