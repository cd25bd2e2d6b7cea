import { constants, copyFile, link, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Codes of file systems that have no hard links, or no more of them for this file, or not from there. */
const NO_LINK = new Set(["EPERM", "EXDEV", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"]);

/** Gives a file a second name, or copies it where that cannot be. Throws if `to` exists. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!NO_LINK.has(codeOf(error) ?? "")) throw error;
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  }
}

/** Files under a folder, relative to it with "/" between: at most two folders deep, nothing hidden. Links are listed, not followed. */
export async function filesUnder(folder: string, depth = 2): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith("."));
  const found = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isDirectory()) return [entry.name];
      const inside = depth === 0 ? [] : await filesUnder(join(folder, entry.name), depth - 1);
      return inside.map((name) => `${entry.name}/${name}`);
    }),
  );
  return found.flat().toSorted();
}

/** Whether anything has this name: a link that leads nowhere too. */
export async function isTaken(path: string): Promise<boolean> {
  return (await lstat(path).catch(ignoreMissing)) !== undefined;
}

export function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) === "ENOENT") return undefined;
  throw error;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
