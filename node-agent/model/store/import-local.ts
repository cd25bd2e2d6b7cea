import { mkdir, realpath, rm, stat, symlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { PorchlightError } from "../../../shared/errors.ts";
import { isGguf, modelNameOf } from "../model-files.ts";
import { chooseFiles } from "../pull/choose-files.ts";
import { addToStore } from "./add.ts";
import { adoptFolder } from "./adopt.ts";
import type { StoredVersion } from "./commit.ts";
import { filesUnder } from "./file-system.ts";
import { isFileName } from "./manifest.ts";
import { openStaging } from "./model-store.ts";
import { withStore } from "./store-lock.ts";

export interface ImportOptions {
  modelsDir: string;
  name: string;
  signal: AbortSignal;
}

/** The files of a model on this disk: a folder's, or one .gguf file. Throws `model_not_found`. */
export async function findLocalFiles(path: string): Promise<{ folder: string; names: string[]; name: string }> {
  const found = await realpath(path).catch(() => undefined);
  if (found === undefined) throw new PorchlightError("model_not_found", `There is nothing at ${path}.`);
  if ((await stat(found)).isFile()) {
    // By the name it was given: what a link leads to may have none that says what it is.
    const file = resolve(path);
    if (!isGguf(file)) throw new PorchlightError("model_not_found", `${path} is no .gguf file and no folder.`);
    return { folder: dirname(file), names: [basename(file)], name: modelNameOf(file) };
  }
  const files = (await filesUnder(found)).filter(isFileName).map((name) => ({ path: name, bytes: 0 }));
  const { files: chosen, prefix } = chooseFiles({ repo: path, commit: "", files }, undefined);
  const names = chosen.map((file) => file.path.slice(prefix.length));
  return { folder: join(found, prefix), names, name: basename(found) };
}

/** Copies a model on this disk into the store; whole or not at all. Throws what `addToStore` does. */
export async function importModel(
  { folder, names }: { folder: string; names: readonly string[] },
  options: ImportOptions,
): Promise<StoredVersion> {
  return await addToStore({ ...options, folder, files: names, source: folder });
}

/**
 * Makes models/NAME a folder of links to a model's files elsewhere on this disk. What is only linked to is its owner's to change: no
 * manifest vouches for it, and the store has no part in it.
 */
export async function linkModel(
  { folder, names }: { folder: string; names: readonly string[] },
  { modelsDir, name, signal }: ImportOptions,
): Promise<void> {
  await using staging = await openStaging(modelsDir, name);
  await adoptFolder(modelsDir, name, signal);
  await rm(staging.files, { recursive: true });
  for (const file of names) {
    const link = join(staging.files, file);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(folder, file), link);
  }
  await withStore(modelsDir, () => staging.activate());
}
