import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { CommandError } from "../../commands/command-error.ts";
import { VERSION } from "../../version.ts";
import { checkDatabase, migrationsOf } from "./database.ts";
import { AGE_MAGIC, decrypt } from "./encryption.ts";
import { BACKUP_FORMAT, MANIFEST_NAME, type Manifest, manifestSchema, MAX_MANIFEST_BYTES } from "./manifest.ts";

/** A tar's own part: a header of 512 bytes, padding, and an extended header for a long name. */
const TAR_BYTES_PER_FILE = 4_096;
const TAR_END_BYTES = 1024 * 1024;

export interface ReadOptions {
  passphrase?: string;
  /** Migrations that this build knows. */
  knownMigrations: readonly string[];
}

/**
 * Unpacks a backup into the new folder `to` and checks all of it: that its manifest is of a version known here and its database not
 * newer than this build, that it holds what the manifest says and nothing else, each file's size and hash, each database's soundness.
 * Nothing is written outside of `to`. Throws CommandError `bad_backup` that names what is wrong.
 */
export async function readBackup(file: string, to: string, options: ReadOptions): Promise<Manifest> {
  const plain = await openBackup(file, options.passphrase);
  const unpacking = new Unpacking(to, options.knownMigrations);
  try {
    await unpacking.run(plain);
  } catch (error) {
    throw error instanceof CommandError ? error : bad(`${file} is damaged or cut off: ${sentence(error)}`, error);
  } finally {
    plain.destroy();
  }
  const manifest = unpacking.finish();
  for (const { path } of manifest.files)
    if (path.endsWith(".sqlite")) checkOne(join(to, path), path, options.knownMigrations);
  return manifest;
}

/** The archive's bytes out of encryption and compression. */
async function openBackup(file: string, passphrase: string | undefined): Promise<Readable> {
  const start = await firstBytes(file);
  const encrypted = start.toString("latin1").startsWith(AGE_MAGIC);
  if (encrypted && passphrase === undefined) {
    throw new CommandError("bad_usage", `${file} is encrypted. Give its passphrase: --passphrase-file FILE`);
  }
  if (!encrypted && (start[0] !== 0x1f || start[1] !== 0x8b)) throw bad(`${file} is no backup of an edge.`);
  const raw = createReadStream(file);
  try {
    const packed = encrypted && passphrase !== undefined ? await decrypt(raw, passphrase) : raw;
    // An error before it goes on in this one, which is the one that is read.
    const plain = createGunzip();
    pipeline(packed, plain).catch((error: Error) => plain.destroy(error));
    return plain;
  } catch (cause) {
    raw.destroy();
    throw bad(`${file} cannot be decrypted: the passphrase is wrong, or the file was changed.`, cause);
  }
}

async function firstBytes(file: string): Promise<Buffer> {
  const handle = await open(file, "r").catch((cause: unknown) => {
    throw new CommandError("bad_usage", `${file} cannot be read: ${sentence(cause)}`, { cause });
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(AGE_MAGIC.length), 0, AGE_MAGIC.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** One pass over the entries, in their order. */
class Unpacking {
  readonly #to: string;
  readonly #knownMigrations: readonly string[];
  readonly #expected = new Map<string, Manifest["files"][number]>();
  #manifest: Manifest | undefined;
  #maxBytes = MAX_MANIFEST_BYTES + TAR_END_BYTES;
  #failure: unknown;
  /** The work on the entries so far. The parser gives one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(to: string, knownMigrations: readonly string[]) {
    this.#to = to;
    this.#knownMigrations = knownMigrations;
  }

  async run(plain: Readable): Promise<void> {
    const parser = new Parser({ strict: true, maxMetaEntrySize: 16 * 1024 });
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined); // raced below; without a race it is nobody's
    const ended = new Promise<void>((resolve) => parser.on("end", () => resolve()));
    const fail = (error: unknown) => {
      this.#failure ??= error;
      failed.reject(this.#failure);
    };
    parser.on("error", fail);
    parser.on("entry", (entry: ReadEntry) => {
      const done = this.#work.then(() => this.#take(entry));
      this.#work = done.catch((error: unknown) => {
        fail(error);
        entry.resume();
      });
    });
    let bytes = 0;
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.#maxBytes) throw bad("The archive unpacks to more than its manifest says.");
      if (this.#failure !== undefined) throw this.#failure;
      if (!parser.write(chunk))
        await Promise.race([new Promise((resolve) => parser.once("drain", resolve)), failed.promise]);
    }
    parser.end();
    await Promise.race([ended, failed.promise]);
    await this.#work;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** What it held. Throws if anything is missing. */
  finish(): Manifest {
    if (!this.#manifest) throw bad("The archive has no manifest: it is no backup of an edge.");
    const [missing] = this.#expected.keys();
    if (missing !== undefined) throw bad(`The archive is cut off: ${missing} is missing.`);
    return this.#manifest;
  }

  async #take(entry: ReadEntry): Promise<void> {
    if (this.#failure !== undefined) {
      entry.resume();
      return;
    }
    const name = entry.path;
    if (entry.type !== "File" && entry.type !== "OldFile")
      throw bad(`The archive holds ${shown(name)}, which is no plain file (${entry.type}).`);
    if (!this.#manifest) return await this.#takeManifest(entry, name);
    const expected = this.#expected.get(name);
    if (!expected) throw bad(`The archive holds ${shown(name)}, which its manifest does not name (or not twice).`);
    this.#expected.delete(name);
    if (entry.size !== expected.bytes) throw bad(`${shown(name)} has ${entry.size} bytes and not ${expected.bytes}.`);
    const path = join(this.#to, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const hash = createHash("sha256");
    const hashed = async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        hash.update(chunk);
        yield chunk;
      }
    };
    await pipeline(
      entry as AsyncIterable<Buffer>,
      hashed,
      createWriteStream(path, { flags: "wx", mode: 0o600, flush: true }),
    );
    if (hash.digest("hex") !== expected.sha256)
      throw bad(`${shown(name)} is not what was backed up: its hash is another.`);
  }

  async #takeManifest(entry: ReadEntry, name: string): Promise<void> {
    if (name !== MANIFEST_NAME)
      throw bad(`The archive starts with ${shown(name)} and not with a manifest: it is no backup of an edge.`);
    if (entry.size > MAX_MANIFEST_BYTES) throw bad("The manifest is too long.");
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    const manifest = parseManifest(Buffer.concat(chunks).toString("utf8"));
    refuseNewer(manifest.migrations, this.#knownMigrations);
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const { bavail, bsize } = await statfs(this.#to);
    if (bytes > bavail * bsize)
      throw bad(`The backup unpacks to ${bytes} bytes; this disk has ${bavail * bsize} free.`);
    for (const file of manifest.files) this.#expected.set(file.path, file);
    this.#maxBytes = entry.size + bytes + (manifest.files.length + 2) * TAR_BYTES_PER_FILE + TAR_END_BYTES;
    this.#manifest = manifest;
  }
}

function parseManifest(text: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad("The manifest is not valid JSON.", cause);
  }
  const { version } = json !== null && typeof json === "object" && "version" in json ? json : { version: undefined };
  if (typeof version === "number" && version > BACKUP_FORMAT) {
    throw bad(
      `The backup has format ${version}, and this Porchlight (${VERSION}) reads up to ${BACKUP_FORMAT}. Use the newer one.`,
    );
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(`The manifest is not valid: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
}

function refuseNewer(migrations: readonly string[], known: readonly string[]): void {
  const unknown = migrations.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw bad(
      `The backup is of a newer Porchlight: this one (${VERSION}) does not know its migration ${shown(unknown)}. Use the newer one.`,
    );
  }
}

function checkOne(file: string, path: string, known: readonly string[]): void {
  try {
    checkDatabase(file);
  } catch (cause) {
    throw bad(`${path} is no sound database: ${sentence(cause)}`, cause);
  }
  refuseNewer(migrationsOf(file), known);
}

function bad(message: string, cause?: unknown): CommandError {
  return new CommandError("bad_backup", message, { cause });
}

/** A name from the archive, as it may be shown. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
