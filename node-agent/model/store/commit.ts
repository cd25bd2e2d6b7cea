import { chmod, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { activate, activeVersion, moveAside, pinnedVersion, versionIds } from "./active-version.ts";
import { ignoreMissing, linkOrCopy } from "./file-system.ts";
import { blobPath, modelFolder, type StorePaths, syncFolder, versionFolder } from "./layout.ts";
import { type Manifest, type ManifestFile, manifestSchema, versionId, writeManifest } from "./manifest.ts";
import { withStore } from "./store-lock.ts";

/** A file whose content is known and will not change: a blob to be. */
export interface StagedFile extends ManifestFile {
  path: string;
}

/** A version that is in the store. */
export interface StoredVersion {
  name: string;
  /** Its id: the same for the same content. */
  version: string;
  /** models/NAME, whichever version that is. */
  folder: string;
  manifest: Manifest;
  /** False when the store had exactly this already, and no other version was active that it could replace. */
  changed: boolean;
  /** Whether it is the active version; false where another one is pinned. */
  active: boolean;
}

/**
 * Makes files a version of model `name`, and the active one unless another is pinned. Whole or not at all: a process killed at any moment
 * leaves the model as it was or as it is to be. The caller holds the name (`openStaging`) and may remove the files afterwards.
 */
export async function commitVersion(
  modelsDir: string,
  name: string,
  staged: readonly StagedFile[],
  about: Pick<Manifest, "source" | "revision">,
): Promise<StoredVersion> {
  const files = staged.map(({ path: _path, ...file }) => file);
  const manifest = manifestSchema.parse({ version: 1, ...about, pulledAt: new Date().toISOString(), files });
  const version = versionId(files);
  return await withStore(modelsDir, async (paths) => {
    const isNew = !(await versionIds(paths, name)).includes(version);
    for (const file of staged) await putBlob(paths, file);
    await syncFolder(paths.blobs);
    await putVersion(paths, name, version, manifest);
    const { active, moved } = await activateUnlessPinned(paths, name, version);
    return { name, version, folder: join(paths.modelsDir, name), manifest, changed: isNew || moved, active };
  });
}

/** Makes a version that the store has the active one unless another is pinned. The caller holds the name. */
export async function reuseVersion(
  modelsDir: string,
  name: string,
  { id, manifest }: { id: string; manifest: Manifest },
): Promise<StoredVersion> {
  return await withStore(modelsDir, async (paths) => {
    const { active, moved } = await activateUnlessPinned(paths, name, id);
    return { name, version: id, folder: join(paths.modelsDir, name), manifest, changed: moved, active };
  });
}

async function activateUnlessPinned(paths: StorePaths, name: string, id: string) {
  const before = await activeVersion(paths, name);
  const pinned = await pinnedVersion(paths, name);
  const active = pinned === undefined || pinned === id;
  const moved = active && before !== id;
  if (moved) await switchVersion(paths, name, id);
  return { active, moved };
}

/** Makes a version the active one, whatever is in its place. Under the store's lock. */
export async function switchVersion(paths: StorePaths, name: string, id: string): Promise<void> {
  if ((await activeVersion(paths, name)) === undefined) await moveAside(paths, join(paths.modelsDir, name));
  await activate(paths, name, id);
}

/**
 * Gives a content its blob, unless there is one: the file itself, or another name of it where it is to stay (`keep`). A file that is moved
 * leaves no name behind under which somebody could write to the blob.
 */
export async function putBlob(paths: StorePaths, { path, bytes, sha256 }: StagedFile, keep = false): Promise<void> {
  const blob = blobPath(paths, sha256);
  const present = await stat(blob).catch(ignoreMissing);
  if (present?.size === bytes) return;
  let draft = path;
  if (keep) {
    // Under another name first: a copy that is cut off must not pass for the blob.
    draft = join(paths.tmp, crypto.randomUUID());
    await linkOrCopy(path, draft);
  }
  await rename(draft, blob);
  // Shared by all who have this content: nobody should edit it in place.
  await chmod(blob, 0o444);
}

/** Puts a version's folder together from blobs; one that is there gets back what it lost. */
export async function putVersion(paths: StorePaths, name: string, id: string, manifest: Manifest): Promise<void> {
  const folder = versionFolder(paths, name, id);
  const isThere = (await stat(folder).catch(ignoreMissing)) !== undefined;
  const target = isThere ? folder : join(paths.tmp, crypto.randomUUID());
  await mkdir(target, { recursive: true });
  for (const file of manifest.files) await linkFile(paths, target, file);
  await writeManifest(target, manifest);
  await syncFolder(target);
  if (isThere) return;
  await mkdir(modelFolder(paths, name), { recursive: true });
  await rename(target, folder);
  await syncFolder(modelFolder(paths, name));
}

async function linkFile(paths: StorePaths, folder: string, { name, sha256, bytes }: ManifestFile): Promise<void> {
  const [path, blob] = [join(folder, name), blobPath(paths, sha256)];
  const [present, wanted] = await Promise.all([stat(path).catch(ignoreMissing), stat(blob)]);
  if (present?.ino === wanted.ino && present.size === bytes) return;
  const draft = join(paths.tmp, crypto.randomUUID());
  await linkOrCopy(blob, draft);
  if (present?.isDirectory()) await rm(path, { recursive: true });
  await mkdir(dirname(path), { recursive: true });
  await rename(draft, path);
}
