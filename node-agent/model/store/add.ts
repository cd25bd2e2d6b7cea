import { constants, copyFile, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PorchlightError } from "../../../shared/errors.ts";
import { checkModelName } from "../pull/source.ts";
import { adoptFolder } from "./adopt.ts";
import { commitVersion, type StagedFile, type StoredVersion } from "./commit.ts";
import { describeFile } from "./describe-file.ts";
import { codeOf, filesUnder } from "./file-system.ts";
import { isFileName, MANIFEST_FILE } from "./manifest.ts";
import { openStaging } from "./model-store.ts";

export interface AddOptions {
  /** The folder that models are listed from. */
  modelsDir: string;
  /** Name of the model here; a model that has it gets a new version. */
  name: string;
  /** Where the files are now. */
  folder: string;
  /** Which of them, relative to `folder`; absent: all that are not hidden, at most two folders deep. */
  files?: readonly string[];
  /** Where they come from: an address, a path, or words, for `models show`. */
  source: string;
  /** Which state of the source it is, where that has a name. */
  revision?: string;
  /** Takes the files away from `folder` instead of copying them, also where it fails: for what was made there to be added. */
  move?: boolean;
  signal?: AbortSignal;
}

/**
 * Adds a model that is on this disk to the store as a version of `name`, and makes it the active one unless another is pinned. Whole or not
 * at all. Throws `invalid_request` for a name or file name that cannot be, `model_not_found` where there are no files, `model_busy`,
 * `disk_full`, or the signal's reason.
 */
export async function addToStore(options: AddOptions): Promise<StoredVersion> {
  const { modelsDir, folder, source, revision, signal } = options;
  const name = checkModelName(options.name);
  const files = options.files ?? (await filesUnder(folder)).filter((file) => file !== MANIFEST_FILE);
  if (files.length === 0) throw new PorchlightError("model_not_found", `There are no files in ${folder}.`);
  const bad = files.find((file) => !isFileName(file));
  if (bad !== undefined) {
    throw new PorchlightError(
      "invalid_request",
      `${JSON.stringify(bad.slice(0, 200))} cannot be a model's file: use letters, digits, '.', '_' and '-'.`,
    );
  }
  await using staging = await openStaging(modelsDir, name);
  await adoptFolder(modelsDir, name, signal);
  // What an interrupted pull of this name left: the model becomes another one now.
  await rm(staging.files, { recursive: true });
  try {
    const staged: StagedFile[] = [];
    for (const file of files) {
      signal?.throwIfAborted();
      staged.push(await stage(join(folder, file), join(staging.files, file), file, options));
    }
    const about = { source, ...(revision === undefined ? {} : { revision }) };
    return await commitVersion(modelsDir, name, staged, about);
  } finally {
    await staging.discard();
  }
}

async function stage(from: string, to: string, name: string, { move, signal }: AddOptions): Promise<StagedFile> {
  await mkdir(dirname(to), { recursive: true });
  if (!(move && (await moved(from, to)))) await copy(from, to);
  const { size } = await stat(to);
  return { path: to, ...(await describeFile(to, name, size, signal)) };
}

/** False where `to` is on another file system. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EXDEV") return false;
    throw error;
  }
}

async function copy(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await using handle = await open(to, "r+");
    await handle.sync();
  } catch (cause) {
    if (codeOf(cause) === "ENOSPC" || codeOf(cause) === "EDQUOT")
      throw new PorchlightError("disk_full", undefined, { cause });
    throw cause;
  }
}
