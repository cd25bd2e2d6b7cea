import { stat } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "./file-hash.ts";
import { dropBlob } from "./known-blobs.ts";
import { blobPath, storePaths } from "./layout.ts";
import type { Manifest, ManifestFile } from "./manifest.ts";

/** What came of checking one file against the manifest. */
export interface FileCheck {
  name: string;
  state: "ok" | "missing" | "wrong_size" | "wrong_content";
}

/**
 * Reads every file of a version again and compares it with what was pulled. A blob that is no longer what its name says is thrown away, so
 * that the next pull gets it anew instead of sharing it.
 */
export async function verifyFiles(
  modelsDir: string,
  folder: string,
  manifest: Manifest,
  onFile?: (name: string) => void,
): Promise<FileCheck[]> {
  const checks: FileCheck[] = [];
  for (const file of manifest.files) {
    onFile?.(file.name);
    const state = await checkFile(join(folder, file.name), file);
    if (state === "wrong_size" || state === "wrong_content") await dropIfSame(modelsDir, folder, file);
    checks.push({ name: file.name, state });
  }
  return checks;
}

async function checkFile(path: string, { bytes, sha256 }: ManifestFile): Promise<FileCheck["state"]> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return "missing";
  if (found.size !== bytes) return "wrong_size";
  return (await hashFile(path, bytes)).sha256 === sha256 ? "ok" : "wrong_content";
}

/** A file that was replaced says nothing about the blob; one that was written to is the blob. */
async function dropIfSame(modelsDir: string, folder: string, { name, sha256 }: ManifestFile): Promise<void> {
  const blob = blobPath(storePaths(modelsDir), sha256);
  const [file, stored] = await Promise.all([join(folder, name), blob].map((path) => stat(path).catch(() => undefined)));
  if (file !== undefined && file.ino === stored?.ino) await dropBlob(modelsDir, sha256);
}
