import { stat } from "node:fs/promises";
import { join } from "node:path";
import { PorchlightError } from "../../../shared/errors.ts";
import { activeVersion, pinnedVersion, versionIds } from "./active-version.ts";
import { blobPath, type StorePaths, storePaths, versionFolder } from "./layout.ts";
import { type Manifest, readManifest } from "./manifest.ts";

/** A version in the store. */
export interface Version {
  id: string;
  folder: string;
  manifest: Manifest;
  active: boolean;
  pinned: boolean;
}

/** A model's versions in the store, the one that came last first; none for a model that the store has no part in. */
export async function listVersions(modelsDir: string, name: string): Promise<Version[]> {
  const paths = storePaths(modelsDir);
  const [ids, active, pinned] = await Promise.all([
    versionIds(paths, name),
    activeVersion(paths, name),
    pinnedVersion(paths, name),
  ]);
  const versions = await Promise.all(
    ids.map(async (id) => {
      const folder = versionFolder(paths, name, id);
      const manifest = await readManifest(folder);
      return manifest === undefined ? [] : [{ id, folder, manifest, active: id === active, pinned: id === pinned }];
    }),
  );
  return versions.flat().toSorted((a, b) => b.manifest.pulledAt.localeCompare(a.manifest.pulledAt));
}

/** The version a user means by its id or the beginning of it. Throws `model_not_found` with those there are. */
export async function resolveVersion(modelsDir: string, name: string, id: string): Promise<Version> {
  const versions = await listVersions(modelsDir, name);
  const [found, another] = versions.filter((version) => version.id.startsWith(id));
  if (found !== undefined && another === undefined) return found;
  const ids = versions.map((version) => version.id).join(", ");
  const what = found === undefined ? "no version" : "more than one version";
  throw new PorchlightError(
    "model_not_found",
    `${name} has ${what} ${JSON.stringify(id.slice(0, 64))}. There are: ${ids || "none in the store"}.`,
  );
}

/** What a source says a version consists of. */
export interface WantedVersion {
  revision?: string;
  files: readonly { name: string; bytes: number; sha256?: string }[];
}

/** The version that is just what a source offers, if the store has it and all its files are in their places. */
export async function findVersion(
  modelsDir: string,
  name: string,
  wanted: WantedVersion,
): Promise<{ id: string; manifest: Manifest } | undefined> {
  const paths = storePaths(modelsDir);
  for (const { id, folder, manifest } of await listVersions(modelsDir, name)) {
    if (isWanted(manifest, wanted) && (await isInPlace(paths, folder, manifest))) return { id, manifest };
  }
  return undefined;
}

function isWanted(manifest: Manifest, { revision, files }: WantedVersion): boolean {
  if (manifest.files.length !== files.length || manifest.revision !== revision) return false;
  return files.every(({ name, bytes, sha256 }) => {
    const listed = manifest.files.find((file) => file.name === name);
    return listed?.bytes === bytes && (sha256 ?? listed.sha256) === listed.sha256;
  });
}

async function isInPlace(paths: StorePaths, folder: string, { files }: Manifest): Promise<boolean> {
  const inPlace = files.map(async ({ name, bytes, sha256 }) => {
    const [file, blob] = await Promise.all([join(folder, name), blobPath(paths, sha256)].map(look));
    return file !== undefined && file.ino === blob?.ino && file.size === bytes;
  });
  return (await Promise.all(inPlace)).every(Boolean);
}

async function look(path: string): Promise<{ ino: number; size: number } | undefined> {
  return await stat(path).catch(() => undefined);
}
