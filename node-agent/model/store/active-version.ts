import { readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { ignoreMissing, isTaken } from "./file-system.ts";
import { linkedVersion, modelFolder, type StorePaths, syncFolder, versionFolder } from "./layout.ts";
import { readManifest } from "./manifest.ts";

/** The id of the version that models/NAME leads to; undefined where that is none of the store's, or is not there. */
export async function activeVersion(paths: StorePaths, name: string): Promise<string | undefined> {
  return await linkedVersion(paths, join(paths.modelsDir, name));
}

/** Names of the models that have versions in the store. */
export async function storedNames({ models }: StorePaths): Promise<string[]> {
  return (await readdir(models).catch(ignoreMissing)) ?? [];
}

/** The ids of a model's versions in the store, in no order. */
export async function versionIds(paths: StorePaths, name: string): Promise<string[]> {
  const prefix = `${name}@`;
  const names = (await readdir(modelFolder(paths, name)).catch(ignoreMissing)) ?? [];
  return names.filter((entry) => entry.startsWith(prefix)).map((entry) => entry.slice(prefix.length));
}

/** The id that pulls leave active. */
export async function pinnedVersion(paths: StorePaths, name: string): Promise<string | undefined> {
  const text = await readFile(pinFile(paths, name), "utf8").catch(ignoreMissing);
  return text?.trim() || undefined;
}

/** Under the store's lock. */
export async function writePin(paths: StorePaths, name: string, id: string | undefined): Promise<void> {
  if (id === undefined) return await rm(pinFile(paths, name), { force: true });
  const draft = join(paths.tmp, crypto.randomUUID());
  await writeFile(draft, `${id}\n`, { flush: true });
  await rename(draft, pinFile(paths, name));
}

/** Makes models/NAME lead to a version, in one step. Under the store's lock; a folder that is in the place must be gone. */
export async function activate(paths: StorePaths, name: string, id: string): Promise<void> {
  const link = join(paths.modelsDir, name);
  const folder = versionFolder(paths, name, id);
  const draft = join(paths.tmp, crypto.randomUUID());
  const isWindows = process.platform === "win32";
  // A relative link survives a move of the data folder; junctions are always absolute.
  await symlink(isWindows ? folder : relative(paths.modelsDir, folder), draft, "junction");
  // Windows replaces files in one step, but no junctions: a process killed here leaves none, and `repair` puts one.
  if (isWindows) await rm(link, { force: true });
  await rename(draft, link);
  await syncFolder(paths.modelsDir);
}

/** The version a model goes to when nobody says which: the pinned one, or the one that came last. */
export async function latestVersion(paths: StorePaths, name: string): Promise<string | undefined> {
  const ids = await versionIds(paths, name);
  const pinned = await pinnedVersion(paths, name);
  if (pinned !== undefined && ids.includes(pinned)) return pinned;
  const ages = await Promise.all(
    ids.map(async (id) => ({ id, manifest: await readManifest(versionFolder(paths, name, id)) })),
  );
  return ages.toSorted((a, b) => (b.manifest?.pulledAt ?? "").localeCompare(a.manifest?.pulledAt ?? ""))[0]?.id;
}

/** Takes what has a model's name out of the way, out of sight in one step. Under the store's lock. */
export async function moveAside(paths: StorePaths, path: string): Promise<void> {
  if (await isTaken(path)) await rename(path, join(paths.tmp, crypto.randomUUID()));
}

function pinFile(paths: StorePaths, name: string): string {
  return join(modelFolder(paths, name), "pin");
}
