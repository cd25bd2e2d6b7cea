import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { dataFolder } from "../data-folder.ts";
import { readBackup } from "../edge/backup/read.ts";
import { finishRestore, switchState } from "../edge/backup/switch.ts";
import { writeBackup } from "../edge/backup/write.ts";
import { ROOT } from "../edge/build.ts";
import { CommandError } from "./command-error.ts";
import { formatBytes } from "./models-units.ts";
import { claimFolder, releaseFolder } from "./running.ts";
import { say, styled } from "./terminal.ts";

export interface BackupFlags {
  data?: string;
  force: boolean;
  passphraseFile?: string;
}

/** `porchlight edge backup FILE`: the state of the edge in this folder, whether it runs or not. */
export async function backupEdge(flags: BackupFlags, name: string): Promise<number> {
  const folder = dataFolder(flags.data);
  const file = resolve(name);
  const passphrase = await readPassphrase(flags.passphraseFile);
  if (!(await exists(folder.edge))) {
    throw new CommandError(
      "not_ready",
      `${folder.edge} is not there: no edge has run on this folder. Is --data right?`,
    );
  }
  if (!flags.force && (await exists(file)))
    throw new CommandError("bad_usage", `${file} is there already. Overwrite it with --force.`);
  const manifest = await writeBackup(folder, file, passphrase);
  const bytes = formatBytes((await stat(file)).size);
  say(
    `${styled("green", "✓")} ${file}: ${manifest.files.length} files, ${bytes}${passphrase === undefined ? "" : ", encrypted"}.`,
  );
  if (passphrase === undefined) {
    say(
      "  It holds your household's names, settings and, after 'porchlight up', the owner's key. To encrypt it: --passphrase-file FILE",
    );
  }
  return 0;
}

/** `porchlight edge restore FILE`: checks the whole backup, then puts it in the state's place and keeps the state aside. */
export async function restoreEdge(flags: BackupFlags, name: string): Promise<number> {
  const folder = dataFolder(flags.data);
  const passphrase = await readPassphrase(flags.passphraseFile);
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
  const holder = await claimFolder(folder.claim);
  if (holder !== undefined) {
    throw new CommandError("already_running", `Process ${holder} is at work on ${folder.root}. Stop it, then restore.`);
  }
  try {
    await finishRestore(folder);
    const replaces = (await readdir(folder.edge).catch(() => [])).length > 0;
    if (replaces && !flags.force) {
      throw new CommandError(
        "bad_usage",
        `${folder.edge} holds an edge's state. To put the backup in its place (it is kept aside): --force`,
      );
    }
    const restored = await mkdtemp(join(folder.root, "edge-restored-"));
    try {
      const knownMigrations = (await readdir(join(ROOT, "migrations"))).filter((entry) => entry.endsWith(".sql"));
      const file = resolve(name);
      const manifest = await readBackup(file, restored, {
        knownMigrations,
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      const aside = `edge-before-restore-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
      await switchState(folder, basename(restored), aside);
      say(`${styled("green", "✓")} Restored ${manifest.files.length} files, as they were at ${manifest.createdAt}.`);
      if (replaces) say(`  What was there before: ${join(folder.root, aside)}`);
    } finally {
      await rm(restored, { recursive: true, force: true });
    }
    return 0;
  } finally {
    await releaseFolder(folder.claim);
  }
}

/** From a file and not from the command line, which every user of the machine can see. */
async function readPassphrase(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new CommandError("bad_usage", `The passphrase file ${file} cannot be read.`, { cause });
  });
  const passphrase = text.replace(/\r?\n$/, "");
  if (passphrase.length >= 12 && passphrase.length <= 1024) return passphrase;
  throw new CommandError(
    "bad_usage",
    `A passphrase has 12 to 1024 characters; the one in ${file} has ${passphrase.length}.`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
