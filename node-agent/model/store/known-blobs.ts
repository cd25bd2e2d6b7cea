import { mkdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StagedFile } from "./commit.ts";
import { describeFile } from "./describe-file.ts";
import { ignoreMissing, linkOrCopy } from "./file-system.ts";
import { blobPath, storePaths } from "./layout.ts";
import { withStore } from "./store-lock.ts";

/**
 * The files of a source whose content the store has, each under a second name in `folder`: whoever removes the blob meanwhile takes nothing
 * away. They are read again, so that a blob that went bad is found; it is thrown away, and not among what is returned.
 */
export async function takeKnownBlobs(
  modelsDir: string,
  folder: string,
  files: readonly { name: string; bytes: number; sha256?: string }[],
  signal?: AbortSignal,
): Promise<Map<string, StagedFile>> {
  const paths = storePaths(modelsDir);
  const known = new Map<string, StagedFile>();
  await rm(folder, { recursive: true, force: true });
  for (const { name, bytes, sha256 } of files) {
    if (sha256 === undefined) continue;
    const blob = blobPath(paths, sha256);
    if ((await stat(blob).catch(ignoreMissing))?.size !== bytes) continue;
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    const isLinked = await linkOrCopy(blob, path).then(() => true, ignoreMissing);
    if (isLinked !== true) continue;
    const file = await describeFile(path, name, bytes, signal);
    if (file.sha256 === sha256) known.set(name, { path, ...file });
    else await dropBlob(modelsDir, sha256);
  }
  return known;
}

/** Takes away a blob whose content is not what its name says; the folders that have it keep it. */
export async function dropBlob(modelsDir: string, sha256: string): Promise<void> {
  await withStore(modelsDir, (paths) => rm(blobPath(paths, sha256), { force: true }));
}
