import { Archive } from "../archive/archive.ts";
import { writeBackupKey } from "../archive/backup-key.ts";
import { EdgeBackup } from "../archive/backup-source.ts";
import { archiveFiles } from "../archive/keeper.ts";
import { restore } from "../archive/restore.ts";
import { Sealer } from "../archive/seal.ts";
import { dataFolder } from "../data-folder.ts";
import { probeHardware } from "../hardware/probe.ts";
import { enrol } from "../link/enrol.ts";
import { loadIdentity, savePairing } from "../link/identity.ts";
import { CommandError } from "./command-error.ts";
import { householdOf } from "./household.ts";
import { askForKey } from "./recovery-phrase.ts";
import { say, StatusLine, styled } from "./terminal.ts";

export interface RestoreFlags {
  data?: string;
  json: boolean;
  /** A pairing link: this machine is new. */
  url?: string;
  "phrase-file"?: string;
}

/** `porchlight restore`: pairs if it was given a link, then takes every conversation of the backup into this machine's archive. May be run again. */
export async function restoreConversations(flags: RestoreFlags): Promise<number> {
  // The phrase first: a pairing link works once.
  const key = await askForKey(flags["phrase-file"]);
  if (flags.url !== undefined) await pair(flags.url, flags.data);
  const { identity, origin, archiveDir } = await householdOf(flags.data);
  const files = archiveFiles(archiveDir);
  const archive = await Archive.open(files.database);
  const status = new StatusLine();
  try {
    const source = new EdgeBackup(identity, origin);
    const onProgress = (done: number, all: number): void => status.show(`Conversation ${done} of ${all}`);
    const report = await restore({ source, sealer: new Sealer(key), archive, onProgress });
    status.clear();
    if (report.sessions + report.deleted + report.refused.length === 0) {
      throw new CommandError("not_ready", `There is nothing in the backup at ${origin} yet.`);
    }
    await writeBackupKey(files.key, key);
    if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else {
      say(`${styled("green", "✓")} ${report.sessions} conversations with ${report.turns} turns are back.`);
      if (report.deleted > 0) say(`  ${report.deleted} had been deleted and stay so.`);
      for (const { sessionId, reason } of report.refused) say(`${styled("red", "✗")} ${sessionId}: ${reason}`);
      say("  This machine has the key of the backup now. To serve your edge: porchlight connect");
    }
    return report.refused.length === 0 ? 0 : 1;
  } finally {
    status.clear();
    archive.close();
  }
}

async function pair(url: string, data: string | undefined): Promise<void> {
  const identity = await loadIdentity(dataFolder(data).remoteIdentity);
  await savePairing(identity, await enrol({ url, identity, name: probeHardware().name }));
}
