/** What a machine's archive takes from the edge, each with its reason. */
export const ARCHIVE_LIMITS = {
  /** Turns of a segment: a reader of one of them waits for all. */
  segmentTurns: 64,
  /** Plain bytes of a segment or a sealed object: a turn may have 4 MiB, and as base64 it must fit into one request of the tunnel. */
  plainBytes: 4.5 * 1024 * 1024,
  /** What sealing adds at most: its header, and what compression adds to what cannot be compressed. */
  sealBytes: 64 * 1024,
  /** Objects in one request. */
  objects: 64,
  /** Sessions or segments that are dropped by one request. */
  drops: 1000,
  hits: 200,
  /** One whole answer: the largest object as base64, with room. */
  answerBytes: 8 * 1024 * 1024,
  /** A machine that has not answered by then is away. */
  timeoutMs: 60_000,
  /** Names in one page of a backup's list. */
  names: 1000,
  /** Of what a machine hands back to its edge of one session: heads, and turns that were hot. */
  adoptBytes: 24 * 1024 * 1024,
} as const;
