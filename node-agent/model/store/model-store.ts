import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isTaken } from "./file-system.ts";
import { syncFolder } from "./layout.ts";
import { takeLock } from "./lock.ts";

/** Under the models folder; the registry does not look into names that start with a dot. */
const WORK = ".pull";

/** A model being put together, out of sight until it is whole; and the right to change models/NAME. */
export interface Staging extends AsyncDisposable {
  /** Files that arrived and were checked: becomes the model's folder. */
  files: string;
  /** Files on their way. */
  parts: string;
  /** Second names of blobs that are here already: nothing is ever written to them. */
  known: string;
  /** Puts `files` as they are in the place of models/NAME, outside of the store, and forgets the rest. */
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
  const [files, parts] = [join(work, "files"), join(work, "parts")];
  const [known, replaced] = [join(work, "known"), join(work, "replaced")];
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
    known,
    activate: async () => {
      await syncFolder(files);
      if (await isTaken(target)) await rename(target, replaced);
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
  if (!(await isTaken(replaced))) return;
  if (await isTaken(target)) await rm(replaced, { recursive: true, force: true });
  else await rename(replaced, target);
}
