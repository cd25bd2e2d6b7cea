import { constants, createWriteStream } from "node:fs";
import { mkdtemp, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Pack } from "tar";
import type { DataFolder } from "../../data-folder.ts";
import { encrypt } from "./encryption.ts";
import { MANIFEST_NAME, type Manifest } from "./manifest.ts";
import { snapshot } from "./snapshot.ts";

/**
 * Writes the edge's state to `file`, readable by its user only: a gzipped tar with the manifest first, inside age where a passphrase is
 * given. The file appears whole or not at all. The edge may be at work.
 */
export async function writeBackup(folder: DataFolder, file: string, passphrase?: string): Promise<Manifest> {
  const staging = await mkdtemp(join(folder.root, "edge-backup-"));
  const draft = join(dirname(file), `.${basename(file)}.${process.pid}`);
  try {
    const manifest = await snapshot(folder, staging);
    await writeFile(join(staging, MANIFEST_NAME), JSON.stringify(manifest), { mode: 0o600 });
    const packed = pack(staging, [MANIFEST_NAME, ...manifest.files.map(({ path }) => path)]);
    const source = passphrase === undefined ? packed : await encrypt(packed, passphrase);
    // A leftover of an earlier process of this number is no longer anybody's; a link somebody put there is not followed.
    await rm(draft, { force: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    await pipeline(source, createWriteStream(draft, { flags: flags as unknown as string, mode: 0o600 })); // Node takes numbers, its types do not
    const written = await open(draft, "r");
    await written.sync();
    await written.close();
    await rename(draft, file);
    return manifest;
  } finally {
    await rm(draft, { force: true });
    await rm(staging, { recursive: true, force: true });
  }
}

/** The files of a folder as a gzipped tar, in this order, without owners. */
function pack(cwd: string, paths: readonly string[]): Readable {
  const archive = new Pack({ cwd, portable: true, strict: true });
  for (const path of paths) archive.add(path);
  archive.end();
  return Readable.from(archive).compose(createGzip()) as Readable; // compose makes a Duplex that is read from here
}
