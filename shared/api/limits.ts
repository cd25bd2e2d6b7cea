/** Limits of the HTTP API, each with its reason. */
export const API_LIMITS = {
  /** Request body: a long conversation is well under it, and a Worker holds it in memory while parsing. */
  bodyBytes: 4 * 1024 * 1024,
  /**
   * A body that is too large is read and thrown away up to this before it is refused: most clients write all of it before they
   * look at the answer, and would see a broken connection instead.
   */
  drainedBytes: 32 * 1024 * 1024,
  /** Nesting of a JSON body: no honest request comes near; parsers and template engines recurse. */
  jsonDepth: 64,
  /** All request headers together. */
  headerBytes: 32 * 1024,
  /** How long a response may wait for its first event before its headers go out regardless (the model may be loading). */
  headersAfterMs: 10_000,
  /**
   * Pause between keep-alive comments on a silent event stream. Proxies would allow many times this, but workerd notices that a
   * client left only when it writes: a silent generation goes on for at most this long.
   */
  keepAliveMs: 2_000,
} as const;
