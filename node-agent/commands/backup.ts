import { stat } from "node:fs/promises";
import { PorchlightError } from "../../shared/errors.ts";
import { Archive, type ArchiveCheck } from "../archive/archive.ts";
import { newBackupKey, phraseOf, readBackupKey, writeBackupKey } from "../archive/backup-key.ts";
import { EdgeBackup } from "../archive/backup-source.ts";
import { archiveFiles } from "../archive/keeper.ts";
import { Sealer } from "../archive/seal.ts";
import { CommandError } from "./command-error.ts";
import { type Household, householdOf } from "./household.ts";
import { formatBytes } from "./models-units.ts";
import { askForKey } from "./recovery-phrase.ts";
import { say, styled } from "./terminal.ts";

export interface ConversationBackupFlags {
  data?: string;
  json: boolean;
  "phrase-file"?: string;
}

/** `porchlight backup [status | on | key]`. */
export async function backup(flags: ConversationBackupFlags, [what = "status", ...rest]: string[]): Promise<number> {
  if (rest.length > 0 || !["status", "on", "key"].includes(what)) {
    throw new CommandError("bad_usage", "'porchlight backup' takes status, on or key.");
  }
  const household = await householdOf(flags.data);
  if (what === "on") return await turnOn(household, flags);
  if (what === "key") return await takeKey(household, flags["phrase-file"]);
  return await showStatus(household, flags.json);
}

/** Makes the household's key and shows its phrase, once. */
async function turnOn(household: Household, { json }: ConversationBackupFlags): Promise<number> {
  const { key: file } = archiveFiles(household.archiveDir);
  if ((await readBackupKey(file)) !== undefined) {
    throw new CommandError(
      "bad_usage",
      "This machine has the key already. Its recovery phrase was shown when it was made.",
    );
  }
  if ((await anyName(household)) !== undefined) {
    throw new CommandError(
      "bad_usage",
      "Your household has a backup, sealed with the key of another machine. Type its recovery phrase: porchlight backup key",
    );
  }
  const key = newBackupKey();
  const phrase = phraseOf(key);
  // Shown first: a key that nobody could write down is not used.
  if (json) process.stdout.write(`${JSON.stringify({ phrase })}\n`);
  else showPhrase(phrase);
  await writeBackupKey(file, key);
  return 0;
}

function showPhrase(phrase: string): void {
  const words = phrase.split(" ");
  say("The recovery phrase of your conversations' backup. Write it down on paper: it is shown this once.");
  say();
  for (let at = 0; at < words.length; at += 6) {
    const row = words.slice(at, at + 6).map((word, i) => `${String(at + i + 1).padStart(2)} ${word.padEnd(9)}`);
    process.stdout.write(`  ${row.join("").trimEnd()}\n`);
  }
  say();
  say("Whoever has it can read the backup; without it and without a machine that has the key, nobody can.");
  say(`${styled("green", "✓")} From now on this machine seals conversations, a minute after they change.`);
}

/** Takes the household's key by its phrase. */
async function takeKey(household: Household, phraseFile: string | undefined): Promise<number> {
  const key = await askForKey(phraseFile);
  const { key: file } = archiveFiles(household.archiveDir);
  const name = await anyName(household);
  if (name !== undefined) {
    const source = new EdgeBackup(household.identity, household.origin);
    new Sealer(key).open(name, await source.sealed(name));
  }
  await writeBackupKey(file, key);
  say(`${styled("green", "✓")} This machine has the key of the backup.`);
  return 0;
}

/** A name in the backup at the edge, if there is a backup. */
async function anyName({ identity, origin }: Household): Promise<string | undefined> {
  for await (const name of new EdgeBackup(identity, origin).names()) return name;
  return undefined;
}

async function showStatus({ archiveDir }: Household, json: boolean): Promise<number> {
  const { database, key } = archiveFiles(archiveDir);
  const hasKey = (await readBackupKey(key)) !== undefined;
  const check = await checkArchive(database);
  if (json) process.stdout.write(`${JSON.stringify({ hasKey, ...check })}\n`);
  else {
    say(`Archive   ${check.turns} turns in ${check.segments} parts, ${formatBytes(check.bytes)}`);
    for (const id of check.damaged) say(`${styled("red", "✗")} ${id} is damaged. From the backup: porchlight restore`);
    say(
      hasKey
        ? "Backup    on: this machine has the key"
        : "Backup    off. Turn it on: porchlight backup on (or, with a phrase that you have: porchlight backup key)",
    );
  }
  return check.damaged.length === 0 ? 0 : 1;
}

async function checkArchive(database: string): Promise<ArchiveCheck> {
  const isThere = await stat(database).then(
    () => true,
    () => false,
  );
  if (!isThere) return { segments: 0, turns: 0, bytes: 0, damaged: [] };
  let archive: Archive;
  try {
    archive = await Archive.open(database);
  } catch (cause) {
    const message = `${database} is damaged as a whole. Stop the agent, move the file away, then: porchlight restore`;
    throw new PorchlightError("archive_damaged", message, { cause });
  }
  try {
    return await archive.check();
  } finally {
    archive.close();
  }
}
