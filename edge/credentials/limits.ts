/** Life of credentials, each with its reason. */
export const CREDENTIAL_LIMITS = {
  /** How long a key that was found good is not looked up again: the longest a revoked key can go on. */
  keyCacheMs: 30_000,
  /** The same for a key that was not found: a key made a moment ago must work soon. */
  keyMissCacheMs: 5_000,
  /** Keys remembered in one isolate: some hundred bytes each. */
  keyCacheEntries: 10_000,
  /** `last_used` is for people: finer than this only costs writes. */
  lastUsedMs: 60_000,
  /** One-time codes: long enough to walk to the other machine. */
  codeMs: 10 * 60_000,
  /** 128 bits cannot be guessed within ten minutes, or ever. */
  codeBytes: 16,
  /** A browser stays signed in for this long. */
  sessionMs: 30 * 24 * 3600_000,
  sessionBytes: 32,
} as const;
