import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { takeLock } from "./lock.ts";

/** Under the models folder; the registry does not look into names that start with a dot. */
const WORK = ".pull";

/** A model being put together, out of sight until it is whole. */
export interface Staging extends AsyncDisposable {
  /** Files that arrived and were checked: becomes the model's folder. */
  files: string;
  /** Files on their way. */
  parts: string;
  /** Puts `files` in the place of models/NAME in one step, and forgets the rest. */
  activate(): Promise<string>;
  /** Forgets everything. */
  discard(): Promise<void>;
}

/**
 * Opens the work folder of model `name` for this process alone; what an interrupted pull left is still in it. Throws `model_busy` while
 * another process has it.
 */
export async function openStaging(modelsDir: string, name: string): Promise<Staging> {
  const work = join(modelsDir, WORK, name);
  const target = join(modelsDir, name);
  const [files, parts, replaced] = [join(work, "files"), join(work, "parts"), join(work, "replaced")];
  await mkdir(join(modelsDir, WORK), { recursive: true, mode: 0o700 });
  const lock = await takeLock(`${work}.lock`);
  try {
    await recover(target, replaced);
    await Promise.all([files, parts].map((folder) => mkdir(folder, { recursive: true })));
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  return {
    files,
    parts,
    activate: async () => {
      await syncFolder(files);
      if (await exists(target)) await rename(target, replaced);
      await rename(files, target);
      await syncFolder(modelsDir);
      await rm(work, { recursive: true, force: true });
      return target;
    },
    discard: () => rm(work, { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

/** Brings back a model whose replacement was killed between its two renames. */
async function recover(target: string, replaced: string): Promise<void> {
  if (!(await exists(replaced))) return;
  if (await exists(target)) await rm(replaced, { recursive: true, force: true });
  else await rename(replaced, target);
}

/** Removes the folder or file `name` of the models folder: out of the list in one step, then from the disk. Throws `model_busy`. */
export async function removeModel(modelsDir: string, name: string): Promise<void> {
  await using staging = await openStaging(modelsDir, name);
  await rename(join(modelsDir, name), join(staging.parts, "removed"));
  await staging.discard();
}

/** Makes the renames in a folder survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return; // it cannot open folders
  await using handle = await open(folder);
  await handle.sync();
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
