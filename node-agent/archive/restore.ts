import { ARCHIVE_LIMITS } from "../../shared/archive/limits.ts";
import { type ErrorCode, PorchlightError } from "../../shared/errors.ts";
import {
  type BackupHead,
  backupHeadSchema,
  backupNames,
  decodeTurns,
  latestHeads,
} from "../../shared/sessions/backup.ts";
import type { Turn } from "../../shared/sessions/turn.ts";
import type { Archive } from "./archive.ts";
import type { BackupSource } from "./backup-source.ts";
import type { Sealer } from "./seal.ts";

/** What a restore did. */
export interface RestoreReport {
  sessions: number;
  turns: number;
  /** Conversations that the household had deleted since. */
  deleted: number;
  /** What could not be taken back, and why: by conversation. */
  refused: { sessionId: string; code: ErrorCode; reason: string }[];
}

export interface RestoreOptions {
  source: BackupSource;
  sealer: Sealer;
  archive: Archive;
  onProgress?: (done: number, all: number) => void;
}

/**
 * Fetches each session of a backup, opens it, puts its segments into the archive and tells the edge. One session at a time, and of it one
 * object: memory does not grow with the backup. A session that is not whole is reported and the rest goes on. May be run again. Throws
 * `backup_key_wrong` where the key opens nothing, and what the source throws when it cannot be reached.
 */
export async function restore({ source, sealer, archive, onProgress }: RestoreOptions): Promise<RestoreReport> {
  const report: RestoreReport = { sessions: 0, turns: 0, deleted: 0, refused: [] };
  const names: string[] = [];
  for await (const name of source.names()) if (name.endsWith(".head")) names.push(name);
  const heads = latestHeads(names);
  let done = 0;
  for (const [sessionId, { name, revision }] of heads) {
    onProgress?.(done, heads.size);
    done += 1;
    try {
      const head = readHead(sealer.open(name, await source.sealed(name)), name);
      await requireNewest(archive, sessionId, revision, name);
      const { state, turns } = await restoreSession({ source, sealer, archive }, head);
      if (state === "deleted") report.deleted += 1;
      else {
        report.sessions += 1;
        report.turns += turns;
      }
    } catch (error) {
      if (!(error instanceof PorchlightError) || error.code === "edge_unreachable" || error.code === "agent_unknown")
        throw error;
      if (error.code === "segment_dropped") report.deleted += 1;
      else report.refused.push({ sessionId, code: error.code, reason: error.message });
    }
  }
  onProgress?.(done, heads.size);
  const { refused } = report;
  const isOtherKey = refused.length === heads.size && refused.every(({ code }) => code === "backup_key_wrong");
  if (isOtherKey && heads.size > 0) throw new PorchlightError("backup_key_wrong");
  return report;
}

async function restoreSession(
  { source, sealer, archive }: RestoreOptions,
  head: BackupHead,
): Promise<{ state: string; turns: number }> {
  const { id: sessionId, userId, title } = head.session;
  const open = async (name: string): Promise<Turn[]> => readTurns(sealer.open(name, await source.sealed(name)), name);
  let count = 0;
  for (const { id, from, to } of head.segments) {
    const name = backupNames.segment(sessionId, id);
    const turns = await open(name);
    const isWhole = turns.length === to - from && turns.every(({ index }, at) => index === from + at);
    if (!isWhole || turns.length > ARCHIVE_LIMITS.segmentTurns) throw damaged(name);
    await archive.put({ id, sessionId, userId, from, to, title, turns });
    count += turns.length;
  }
  const hot: Turn[] = [];
  for (let part = 0; part < head.parts; part++) {
    hot.push(...(await open(backupNames.part(sessionId, head.revision, part))));
  }
  const state = await source.adopt(head, hot);
  if (state === "deleted") await archive.drop([sessionId], []);
  else await archive.noteSealed(sessionId, head.revision);
  return { state, turns: count + hot.length };
}

/** What was sealed under a head's name must be of that session and revision. */
function readHead(plain: Uint8Array, name: string): BackupHead {
  let head: BackupHead;
  try {
    head = backupHeadSchema.parse(JSON.parse(Buffer.from(plain).toString()));
  } catch (cause) {
    throw damaged(name, cause);
  }
  if (backupNames.head(head.session.id, head.revision) !== name) throw damaged(name);
  return head;
}

/** A machine that sealed a newer state does not take an older one for the newest. */
async function requireNewest(archive: Archive, sessionId: string, revision: number, name: string): Promise<void> {
  const sealed = await archive.sealedRevision(sessionId);
  if (sealed === undefined || revision >= sealed) return;
  const message = `${name} is older than what this machine sealed last (${sealed}): the backup was turned back.`;
  throw new PorchlightError("backup_damaged", message);
}

function readTurns(plain: Uint8Array, name: string): Turn[] {
  try {
    return decodeTurns(plain);
  } catch (cause) {
    throw damaged(name, cause);
  }
}

function damaged(name: string, cause?: unknown): PorchlightError {
  return new PorchlightError("backup_damaged", `${name} does not hold what its name says. It is not used.`, { cause });
}
