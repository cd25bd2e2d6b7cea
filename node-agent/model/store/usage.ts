import { storePaths } from "./layout.ts";
import { listVersions, type Version } from "./versions.ts";
import { storedNames } from "./active-version.ts";

/** One version of a model, and what of it nobody else has. */
export interface VersionUsage extends Version {
  name: string;
  /** Of all its files. */
  bytes: number;
  /** Of blobs that no other version names: what is free again once it is removed. */
  ownBytes: number;
}

export interface StoreUsage {
  versions: VersionUsage[];
  /** What all blobs take that some version names. */
  blobBytes: number;
  /** What would be taken besides if each version had its own copies. */
  sharedBytes: number;
}

/** How the versions of all models share blobs. */
export async function measureStore(modelsDir: string): Promise<StoreUsage> {
  const names = await storedNames(storePaths(modelsDir));
  const found = await Promise.all(
    names.map(async (name) => (await listVersions(modelsDir, name)).map((version) => ({ ...version, name }))),
  );
  const blobs = new Map<string, { bytes: number; versions: number }>();
  for (const { manifest } of found.flat()) {
    for (const [sha256, bytes] of blobsOf(manifest)) {
      blobs.set(sha256, { bytes, versions: (blobs.get(sha256)?.versions ?? 0) + 1 });
    }
  }
  const versions = found.flat().map((version) => {
    const own = [...blobsOf(version.manifest)].filter(([sha256]) => blobs.get(sha256)?.versions === 1);
    return {
      ...version,
      bytes: version.manifest.files.reduce((sum, file) => sum + file.bytes, 0),
      ownBytes: own.reduce((sum, [, bytes]) => sum + bytes, 0),
    };
  });
  const blobBytes = [...blobs.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  return { versions, blobBytes, sharedBytes: versions.reduce((sum, { bytes }) => sum + bytes, 0) - blobBytes };
}

/** Each content once, though two files of a version may have it. */
function blobsOf({ files }: Version["manifest"]): Map<string, number> {
  return new Map(files.map(({ sha256, bytes }) => [sha256, bytes]));
}
