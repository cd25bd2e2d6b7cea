import type { Turn } from "../../../shared/sessions/turn.ts";

/** Turns `from` to before `to` of a session, written once. Another content has another id. */
export interface Segment {
  /** "seg_" and chance: made by Home, before the first `put`. */
  id: string;
  sessionId: string;
  userId: string;
  from: number;
  to: number;
  /** Of the session at that time, for a search at the machine itself. */
  title: string;
  turns: Turn[];
}

/** A home machine that is online and keeps an archive. */
export interface ArchiveAgent {
  agentId: string;
  /** Whether it can seal and open backups. */
  hasBackupKey: boolean;
}

/** Where something was found among what is cold. */
export interface ArchiveHit {
  sessionId: string;
  segmentId: string;
  index: number;
  /** Plain text around the place. */
  snippet: string;
  /** Larger is better; only comparable within one answer. */
  score: number;
}

export interface PlainObject {
  /** Bound to the content: sealed under one name, it opens under no other. */
  name: string;
  plain: Uint8Array<ArrayBuffer>;
}

export interface SealedObject {
  name: string;
  sealed: Uint8Array<ArrayBuffer>;
}

/** What to drop: whole sessions, and single segments that others replaced. */
export interface Dropped {
  sessionIds: string[];
  segmentIds: string[];
}

/**
 * The archives of a household's machines. Each call rejects with PorchlightError, `agent_offline` where the machine is not there; it may
 * have been carried out all the same. Every call may be made again.
 */
export interface ArchivePort {
  /** The machines that are online and announce the feature `archive`. */
  agents(): ArchiveAgent[];
  /**
   * Keeps a segment. What it answers is true of the disk: it survives a loss of power. A segment of an id that is there already is the
   * same one. One that was dropped before, or whose session was, is not kept: `segment_dropped` is thrown.
   */
  put(agentId: string, segment: Segment): Promise<{ bytes: number; sha256: string }>;
  /** The turns of a segment, whole and verified. Rejects with `not_found` where it is not there. */
  get(agentId: string, sessionId: string, segmentId: string): Promise<Turn[]>;
  /** Forgets for good: when it answers, nothing of it is on the disk. What is not there is dropped too. */
  drop(agentId: string, dropped: Dropped): Promise<void>;
  /** Of one person's segments. */
  search(agentId: string, userId: string, query: string, limit: number): Promise<ArchiveHit[]>;
  /**
   * Seals with the backup key, which the edge does not have. At most 4.5 MiB of plain bytes at a time. Nothing opens what was sealed:
   * a machine does that for its owner alone, in a restore.
   */
  seal(agentId: string, objects: PlainObject[]): Promise<SealedObject[]>;
  /** Seals a segment that is there, as `encodeTurns` writes its turns, under this name: its plain bytes do not cross. */
  sealStored(agentId: string, sessionId: string, segmentId: string, name: string): Promise<Uint8Array<ArrayBuffer>>;
}
