/** What the tiers of conversations may take, each with its reason. */
export const TIER_LIMITS = {
  /** Of a turn that is kept in memory: a hundred of them are well under what an object may take. */
  hotTurnCharacters: 128 * 1024,
  /** Of one segment as JSON: it crosses the tunnel in one piece, and a reader of one turn of it waits for all of it. A turn may be larger. */
  segmentBytes: 1024 * 1024,
  segmentTurns: 64,
  /** Segments that are moved in one go, so that the object is free for others in between. */
  movesAtOnce: 32,
  /** Sessions of somebody who left that are deleted in one go: an object's time for one event is limited. */
  removalsAtOnce: 500,
  /** Confirmations that are asked for in one call. */
  dropsAtOnce: 500,
  /** Sessions that are backed up in one go. */
  backupsAtOnce: 16,
  /** Plain bytes of one sealed object. */
  backupBytes: 2 * 1024 * 1024,
  /** A session that is being written to is backed up when it has been quiet for this long. */
  backupQuietMs: 60_000,
  /** After a failure, and while no machine is there: a machine that comes is heard of sooner. */
  retryMs: 5 * 60_000,
  /** A session that never is quiet is backed up this often. */
  backupEveryMs: 10 * 60_000,
  /** When nothing could be done of what is due. */
  idleMs: 60_000,
  /** What an earlier life of the object had under way arrives within this: only then is a deletion from the backup certain. */
  lateMs: 10 * 60_000,
  /** Of turns in one answer of the API. */
  pageBytes: 8 * 1024 * 1024,
  /** Turns in one answer of the API. */
  pageTurns: 50,
} as const;
