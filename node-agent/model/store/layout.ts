import { mkdir, open, readlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";

/**
 * What the store keeps under the models folder; the registry does not look into names that start with a dot.
 *
 *     NAME -> .store/models/NAME/NAME@ID     the active version, as a link
 *     .store/blobs/sha256-HEX                each content once, read-only
 *     .store/models/NAME/NAME@ID/            one version: hard links to blobs, and its manifest; never changed
 *     .store/models/NAME/pin                 id of the version that pulls leave active
 *     .store/tmp/                            being built or removed, by whoever has the lock
 *     .store/lock                            held for moments by a process that changes any of this
 *
 * Hard links, since a loader sees plain files, blobs take no space twice, and no system asks for privileges to make them. A link to the
 * active version (a junction on Windows, which needs no privilege either), since only a link can be replaced in one step.
 */
export interface StorePaths {
  modelsDir: string;
  blobs: string;
  models: string;
  tmp: string;
  lock: string;
}

export function storePaths(modelsDir: string): StorePaths {
  const root = join(resolve(modelsDir), ".store");
  return {
    modelsDir: resolve(modelsDir),
    blobs: join(root, "blobs"),
    models: join(root, "models"),
    tmp: join(root, "tmp"),
    lock: join(root, "lock"),
  };
}

export async function makeStoreFolders({ blobs, models, tmp }: StorePaths): Promise<void> {
  await Promise.all([blobs, models, tmp].map((folder) => mkdir(folder, { recursive: true })));
}

export function blobPath({ blobs }: StorePaths, sha256: string): string {
  return join(blobs, `sha256-${sha256}`);
}

/** The folder of all versions of a model. */
export function modelFolder({ models }: StorePaths, name: string): string {
  return join(models, name);
}

/** The folder of one version. Its own name says which it is, in messages about files in it. */
export function versionFolder(paths: StorePaths, name: string, id: string): string {
  return join(modelFolder(paths, name), `${name}@${id}`);
}

/** The id of the version that `folder` is, whatever model's; undefined for one that the store does not hold. */
export function versionOfFolder(paths: StorePaths, folder: string): string | undefined {
  const [name, id, ...rest] = resolve(folder)
    .slice(paths.models.length + 1)
    .split(sep);
  const isVersion = resolve(folder).startsWith(paths.models + sep) && rest.length === 0;
  const prefix = `${name}@`;
  return isVersion && id?.startsWith(prefix) ? id.slice(prefix.length) : undefined;
}

/** The id of the version that a link leads to, whether it is there or not; undefined for what is no link into the store. */
export async function linkedVersion(paths: StorePaths, link: string): Promise<string | undefined> {
  const target = await readlink(link).catch(() => undefined);
  return target === undefined ? undefined : versionOfFolder(paths, resolve(dirname(link), target));
}

/** Makes the changes in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // it cannot open folders
  await using handle = await open(folder);
  await handle.sync();
}
