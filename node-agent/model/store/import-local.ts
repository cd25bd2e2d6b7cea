import { constants, copyFile, mkdir, readdir, realpath, rm, stat, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { PorchlightError } from "../../../shared/errors.ts";
import { chooseFiles } from "../pull/choose-files.ts";
import { hashFile } from "./file-hash.ts";
import { type Manifest, writeManifest } from "./manifest.ts";
import { openStaging } from "./model-store.ts";

export interface ImportOptions {
  modelsDir: string;
  name: string;
  /** Leave the files where they are and link to them. */
  link: boolean;
  signal: AbortSignal;
}

/** The files of a model on this disk: a folder's, or one .gguf file. Throws `model_not_found`. */
export async function findLocalFiles(path: string): Promise<{ folder: string; names: string[]; name: string }> {
  const found = await realpath(path).catch(() => undefined);
  if (found === undefined) throw new PorchlightError("model_not_found", `There is nothing at ${path}.`);
  if ((await stat(found)).isFile()) {
    if (!found.toLowerCase().endsWith(".gguf"))
      throw new PorchlightError("model_not_found", `${path} is no .gguf file and no folder.`);
    return { folder: join(found, ".."), names: [basename(found)], name: basename(found).slice(0, -".gguf".length) };
  }
  const files = (await readdir(found)).map((name) => ({ path: name, bytes: 0 }));
  const names = chooseFiles({ repo: path, commit: "", files }, undefined).map((file) => file.path);
  return { folder: found, names, name: basename(found) };
}

/** Copies a model on this disk into the models folder, or links to its files; whole or not at all. Returns the model's folder there. */
export async function importModel(
  { folder, names }: { folder: string; names: readonly string[] },
  { modelsDir, name, link, signal }: ImportOptions,
): Promise<string> {
  await using staging = await openStaging(modelsDir, name);
  await rm(staging.files, { recursive: true });
  await mkdir(staging.files);
  const files: Manifest["files"] = [];
  for (const file of names) {
    signal.throwIfAborted();
    const [from, to] = [join(folder, file), join(staging.files, file)];
    if (link) {
      await symlink(from, to);
      continue;
    }
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    const { size } = await stat(to);
    files.push({ name: file, bytes: size, sha256: (await hashFile(to, size, signal)).sha256 });
  }
  // What is only linked to is its owner's to change: no manifest vouches for it.
  if (!link) {
    await writeManifest(staging.files, { version: 1, source: folder, pulledAt: new Date().toISOString(), files });
  }
  return await staging.activate();
}
