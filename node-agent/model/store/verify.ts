import { stat } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "./file-hash.ts";
import type { Manifest } from "./manifest.ts";

/** What came of checking one file against the manifest. */
export interface FileCheck {
  name: string;
  state: "ok" | "missing" | "wrong_size" | "wrong_content";
}

/** Reads every file of a model again and compares it with what was pulled. */
export async function verifyFiles(
  folder: string,
  manifest: Manifest,
  onFile?: (name: string) => void,
): Promise<FileCheck[]> {
  const checks: FileCheck[] = [];
  for (const { name, bytes, sha256 } of manifest.files) {
    onFile?.(name);
    checks.push({ name, state: await checkFile(join(folder, name), bytes, sha256) });
  }
  return checks;
}

async function checkFile(path: string, bytes: number, sha256: string): Promise<FileCheck["state"]> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return "missing";
  if (found.size !== bytes) return "wrong_size";
  return (await hashFile(path, bytes)).sha256 === sha256 ? "ok" : "wrong_content";
}
