import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { activate, activeVersion, latestVersion, storedNames, versionIds } from "./active-version.ts";
import { ignoreMissing, isTaken } from "./file-system.ts";
import { makeStoreFolders, modelFolder, type StorePaths, storePaths } from "./layout.ts";
import { holding, waitForLock } from "./lock.ts";

/** A lock is written in less than that. */
const DRAFT_MS = 60 * 60 * 1000;

/**
 * Changes the store, alone: every blob that a version names is there while this runs, and what another process left half done is mended
 * before it. For moments: what takes long (download, hash, copy) is done before. Throws `model_busy`.
 */
export async function withStore<T>(modelsDir: string, action: (paths: StorePaths) => Promise<T>): Promise<T> {
  const paths = storePaths(modelsDir);
  await makeStoreFolders(paths);
  return await holding(await waitForLock(paths.lock), async () => {
    await repair(paths);
    try {
      return await action(paths);
    } finally {
      await emptyTmp(paths);
    }
  });
}

/** Mends what a process left that was killed while it had the lock. */
async function repair(paths: StorePaths): Promise<void> {
  await emptyTmp(paths);
  await removeOldDrafts(paths.lock);
  for (const name of await storedNames(paths)) {
    // Killed between taking a folder over and putting the link in its place, or between the two steps of Windows.
    if (!(await isTaken(join(paths.modelsDir, name)))) await activateLatest(paths, name);
  }
  for (const name of await readdir(paths.modelsDir)) {
    const id = await activeVersion(paths, name);
    // Killed between the removal of a model's versions and that of its link.
    if (id !== undefined && !(await versionIds(paths, name)).includes(id)) await activateLatest(paths, name);
  }
}

async function activateLatest(paths: StorePaths, name: string): Promise<void> {
  const id = await latestVersion(paths, name);
  if (id !== undefined) return await activate(paths, name, id);
  await rm(join(paths.modelsDir, name), { force: true });
  await rm(modelFolder(paths, name), { recursive: true, force: true });
}

async function emptyTmp(paths: StorePaths): Promise<void> {
  for (const name of await readdir(paths.tmp)) {
    await rm(join(paths.tmp, name), { recursive: true, force: true });
  }
}

/** What processes left that were killed while they wrote a lock. */
async function removeOldDrafts(lock: string): Promise<void> {
  const folder = dirname(lock);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(lock)}.`)) continue;
    const written = await stat(join(folder, name)).catch(ignoreMissing);
    if (written && Date.now() - written.mtimeMs > DRAFT_MS) await rm(join(folder, name), { force: true });
  }
}
