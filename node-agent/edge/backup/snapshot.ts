import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { DataFolder } from "../../data-folder.ts";
import { VERSION } from "../../version.ts";
import { copyDatabase, migrationsOf } from "./database.ts";
import { BACKUP_FORMAT, EXTRA_FILES, type Manifest } from "./manifest.ts";

/** Miniflare's HTTP cache and its outbox: nothing that anybody would miss. */
const NOT_STATE = new Set(["cache", "email-store"]);
/** Objects first and the account database last: what an object refers to, such as a key, is in a database that is no older. */
const LAST = "d1";

/**
 * Copies the edge's state as it is now to the new folder `to`, in a backup's layout, while the edge may be at work: each database as of
 * one moment. Returns the manifest of what was copied.
 */
export async function snapshot(folder: DataFolder, to: string): Promise<Manifest> {
  const found = await filesOf(folder.edge);
  const ordered = found.toSorted((a, b) => Number(a.startsWith(`${LAST}/`)) - Number(b.startsWith(`${LAST}/`)));
  const paths: string[] = [];
  const migrations: string[] = [];
  for (const path of ordered) {
    const target = join(to, "state", path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    if (!(await copyOne(join(folder.edge, path), target))) continue;
    paths.push(`state/${path}`);
    if (path.startsWith(`${LAST}/`)) migrations.push(...migrationsOf(target));
  }
  for (const name of EXTRA_FILES) if (await copyOne(join(folder.root, name), join(to, name))) paths.push(name);
  const files = [];
  for (const path of paths) files.push({ path, ...(await digest(join(to, path))) });
  return {
    format: "porchlight-edge-backup",
    version: BACKUP_FORMAT,
    porchlight: VERSION,
    createdAt: new Date().toISOString(),
    migrations,
    files,
  };
}

/** Size and hash of a file. */
export async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest("hex") };
}

/** Paths of the state's files with `/` between, in a fixed order; without SQLite's own files beside a database. */
async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !/\.sqlite-(?:wal|shm|journal)$/.test(entry.name))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll("\\", "/"),
    )
    .filter((path) => !NOT_STATE.has(path.split("/")[0] ?? ""))
    .toSorted();
}

/** Returns whether it was there: an object may be deleted at any moment. */
async function copyOne(from: string, to: string): Promise<boolean> {
  try {
    if (from.endsWith(".sqlite")) await copyDatabase(from, to);
    else await copyFile(from, to);
  } catch (error) {
    const isGone = !(await stat(from).then(
      () => true,
      () => false,
    ));
    if (isGone) return false;
    throw error;
  }
  await chmod(to, 0o600);
  return true;
}
