import { lstat, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { activate, moveAside } from "./active-version.ts";
import { putBlob, type StagedFile } from "./commit.ts";
import { describeFile } from "./describe-file.ts";
import { filesUnder, ignoreMissing, isTaken } from "./file-system.ts";
import { modelFolder, versionFolder } from "./layout.ts";
import { isFileName, type Manifest, readManifest, versionId, writeManifest } from "./manifest.ts";
import { withStore } from "./store-lock.ts";

/** Says in a manifest that nobody knows where a model came from. */
export const UNKNOWN_SOURCE = "put here by hand";

/**
 * Takes a plain folder models/NAME, pulled before there was a store or put there by hand, over into the store: its files become blobs where
 * they are, without a copy, and the folder a version. Leaves alone what is no such folder, and one with links, whose files are someone
 * else's. The caller holds the name. Returns whether it was taken over.
 */
export async function adoptFolder(modelsDir: string, name: string, signal?: AbortSignal): Promise<boolean> {
  const folder = join(modelsDir, name);
  if ((await lstat(folder).catch(ignoreMissing))?.isDirectory() !== true) return false;
  const staged: StagedFile[] = [];
  for (const file of (await filesUnder(folder)).filter(isFileName)) {
    const path = join(folder, file);
    const entry = await lstat(path);
    if (!entry.isFile()) return false;
    staged.push({ path, ...(await describeFile(path, file, entry.size, signal)) });
  }
  if (staged.length === 0) return false;
  const files = staged.map(({ path: _path, ...file }) => file);
  const id = versionId(files);
  const manifest = describe(await readManifest(folder), files, (await lstat(folder)).mtime);
  await withStore(modelsDir, async (paths) => {
    for (const file of staged) await putBlob(paths, file, true);
    const target = versionFolder(paths, name, id);
    if (await isTaken(target)) {
      await moveAside(paths, folder);
    } else {
      await writeManifest(folder, manifest);
      await mkdir(modelFolder(paths, name), { recursive: true });
      await rename(folder, target);
    }
    // A process killed here leaves the name without a link: whoever has the lock next puts it.
    await activate(paths, name, id);
  });
  return true;
}

/** A manifest that still tells the truth keeps its source. */
function describe(present: Manifest | undefined, files: Manifest["files"], changed: Date): Manifest {
  if (present !== undefined && versionId(present.files) === versionId(files)) return { ...present, files };
  return { version: 1, source: UNKNOWN_SOURCE, pulledAt: changed.toISOString(), files };
}
