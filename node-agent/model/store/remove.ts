import { lstat, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { moveAside, storedNames, versionIds } from "./active-version.ts";
import { filesUnder, ignoreMissing } from "./file-system.ts";
import { modelFolder, type StorePaths, versionFolder } from "./layout.ts";
import { holding } from "./lock.ts";
import { readManifest } from "./manifest.ts";
import { openStaging } from "./model-store.ts";
import { withStore } from "./store-lock.ts";

/** What a removal came to. */
export interface Removal {
  /** Of files that nothing else shares. */
  freedBytes: number;
  /** Folders that are gone: what was compiled from them is of no more use. */
  folders: string[];
}

/**
 * Removes a model with all its versions, out of the list in one step; `entry` is what it is called in the models folder (a loose GGUF file
 * has an extension). Blobs that no other version names are removed with it. Throws `model_busy`.
 */
export async function removeModel(modelsDir: string, name: string, entry: string = name): Promise<Removal> {
  await using staging = await openStaging(modelsDir, name);
  const removal = await withStore(modelsDir, async (paths) => {
    const ids = await versionIds(paths, name);
    const place = join(paths.modelsDir, entry);
    const plainBytes = await plainBytesOf(place);
    // The versions first: a link that leads nowhere is taken away by whoever has the lock next.
    await moveAside(paths, modelFolder(paths, name));
    await moveAside(paths, place);
    return {
      folders: [place, ...ids.map((id) => versionFolder(paths, name, id))],
      freedBytes: plainBytes + (await collectGarbage(paths)),
    };
  });
  await staging.discard();
  return removal;
}

/** Of a file or folder outside of the store; what is only linked to stays where it is. */
async function plainBytesOf(place: string): Promise<number> {
  const entry = await lstat(place).catch(ignoreMissing);
  if (entry?.isFile()) return entry.size;
  if (!entry?.isDirectory()) return 0;
  const files = await Promise.all((await filesUnder(place)).map((file) => lstat(join(place, file))));
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

/** Removes one version that is not the active one, and the blobs that only it names. Throws `model_busy`. */
export async function removeVersion(modelsDir: string, name: string, id: string): Promise<Removal> {
  return await holding(await openStaging(modelsDir, name), () =>
    withStore(modelsDir, async (paths) => {
      const folder = versionFolder(paths, name, id);
      await moveAside(paths, folder);
      return { folders: [folder], freedBytes: await collectGarbage(paths) };
    }),
  );
}

/**
 * Removes the blobs that no version names. Under the store's lock, under which blobs and the versions that name them are made together: a
 * pull under way has its files elsewhere, under names of their own.
 */
async function collectGarbage(paths: StorePaths): Promise<number> {
  for (const name of await readdir(paths.tmp)) await rm(join(paths.tmp, name), { recursive: true, force: true });
  const named = await namedBlobs(paths);
  let freedBytes = 0;
  for (const blob of await readdir(paths.blobs)) {
    const path = join(paths.blobs, blob);
    const { nlink, size } = await stat(path);
    // One with another name is in a folder whose manifest cannot be read, or in a pull's: it costs nothing to leave it.
    if (named.has(blob) || nlink > 1) continue;
    await rm(path, { force: true });
    freedBytes += size;
  }
  return freedBytes;
}

async function namedBlobs(paths: StorePaths): Promise<Set<string>> {
  const named = new Set<string>();
  for (const name of await storedNames(paths)) {
    for (const id of await versionIds(paths, name)) {
      const manifest = await readManifest(versionFolder(paths, name, id));
      for (const { sha256 } of manifest?.files ?? []) named.add(`sha256-${sha256}`);
    }
  }
  return named;
}
