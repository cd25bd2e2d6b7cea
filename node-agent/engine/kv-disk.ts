import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { z } from "zod";
import { commonPrefix } from "./slot-table.ts";

/** A prefix on the disk: its tokens stay in memory, its keys and values do not. */
interface Entry {
  readonly file: string;
  readonly tokens: readonly number[];
  readonly bytes: number;
}

export interface KvDiskOptions {
  folder: string;
  /** What the keys and values depend on: the model, its weights' precision, the build. Files of another one are removed. */
  model: string;
  /** Disk space for all prefixes; those that were used least recently go first. */
  maxBytes: number;
}

/** Shorter prefixes are as quickly computed as found. */
const LEAST_TOKENS = 128;
/** Data that waits to be written; more is dropped rather than kept in memory. */
const MOST_PENDING_BYTES = 512 * 1024 ** 2;
/** Assumed until something was read. */
const FIRST_BYTES_PER_MS = 200_000;
const LEARNING_RATE = 0.3;
const EXTENSION = ".kv";
const MOST_HEADER_BYTES = 16 * 1024 ** 2;

const headerSchema = z.object({
  model: z.string(),
  tokens: z.array(z.number().int().nonnegative()).min(1).max(1_000_000),
  /** Of the data that follows. */
  bytes: z.number().int().positive(),
  crc32: z.number().int().nonnegative(),
});

/**
 * Keys and values of past sequences on the disk, one file each: a line of JSON, padded to a length that its first 8 characters give, and
 * the raw data. A file that is damaged or of another model is removed. What it keeps can be turned back into what was said: its folder
 * is its user's alone.
 */
export class KvDisk {
  readonly #options: KvDiskOptions;
  /** The one used last is last. */
  readonly #entries: Entry[];
  /** What is being written. */
  readonly #pending: (readonly number[])[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #bytesPerMs = FIRST_BYTES_PER_MS;

  private constructor(options: KvDiskOptions, entries: Entry[]) {
    this.#options = options;
    this.#entries = entries;
  }

  /** Opens the folder, which need not exist yet. */
  static async open(options: KvDiskOptions): Promise<KvDisk> {
    const { folder } = options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const found: { entry: Entry; usedMs: number }[] = [];
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      const header = name.endsWith(EXTENSION) ? await readHeader(file) : undefined;
      if (header === undefined || header.model !== options.model) await rm(file, { force: true, recursive: true });
      else {
        const { mtimeMs, size } = await stat(file);
        found.push({ entry: { file, tokens: header.tokens, bytes: size }, usedMs: mtimeMs });
      }
    }
    found.sort((a, b) => a.usedMs - b.usedMs);
    return new KvDisk(
      options,
      found.map(({ entry }) => entry),
    );
  }

  get bytes(): number {
    return this.#entries.reduce((sum, entry) => sum + entry.bytes, 0);
  }

  /** The entry that shares the longest prefix with `tokens`, how long that is, and how many milliseconds it would take to read. */
  find(tokens: readonly number[]): { entry: Entry; length: number; readMs: number } | undefined {
    let best: { entry: Entry; length: number } | undefined;
    for (const entry of this.#entries) {
      const length = commonPrefix(entry.tokens, tokens);
      if (length > (best?.length ?? 0)) best = { entry, length };
    }
    return best && { ...best, readMs: best.entry.bytes / this.#bytesPerMs };
  }

  /** The data of an entry, of all its tokens; undefined if it turned out to be damaged, and then it is gone. */
  async read(entry: Entry): Promise<Uint8Array | undefined> {
    const started = performance.now();
    const file = await readFile(entry.file).catch(() => undefined);
    const header = file && parseHeader(file);
    const data = file && header && file.subarray(header.end);
    if (data === undefined || data.length !== header?.bytes || crc32(data) !== header.crc32) {
      await this.#remove(entry);
      return undefined;
    }
    const ms = Math.max(1, performance.now() - started);
    this.#bytesPerMs += LEARNING_RATE * (entry.bytes / ms - this.#bytesPerMs);
    this.#use(entry);
    const now = new Date();
    await utimes(entry.file, now, now).catch(() => {}); // only the order of use after a restart
    return data;
  }

  /**
   * Writes the keys and values of `tokens` in the background, unless something on the disk already begins with all of them. `read` gives the data, and is
   * called at once.
   */
  save(tokens: readonly number[], bytes: number, read: () => Uint8Array): void {
    const { maxBytes } = this.#options;
    const isPointless = tokens.length < LEAST_TOKENS || bytes > maxBytes;
    if (isPointless || this.#pendingBytes + bytes > MOST_PENDING_BYTES) return;
    const known = [...this.#pending, ...this.#entries.map((entry) => entry.tokens)];
    if (known.some((other) => commonPrefix(other, tokens) === tokens.length)) return;
    const data = read();
    this.#pending.push(tokens);
    this.#pendingBytes += bytes;
    this.#writing = this.#writing
      .then(() => this.#write([...tokens], data))
      .catch(() => {}) // a full disk costs only the time of computing it again
      .finally(() => {
        this.#pending.splice(this.#pending.indexOf(tokens), 1);
        this.#pendingBytes -= bytes;
      });
  }

  /** Resolves when all that was saved is on the disk. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(tokens: number[], data: Uint8Array): Promise<void> {
    const { folder, model, maxBytes } = this.#options;
    const name = createHash("sha256").update(Int32Array.from(tokens)).digest("hex").slice(0, 32);
    const file = join(folder, name + EXTENSION);
    const header = encodeHeader({ model, tokens, bytes: data.length, crc32: crc32(data) });
    const bytes = header.length + data.length;
    while (this.bytes + bytes > maxBytes) {
      const [oldest] = this.#entries;
      if (oldest === undefined) return;
      await this.#remove(oldest);
    }
    const draft = `${file}.${process.pid}.part`;
    try {
      await writeFile(draft, Buffer.concat([header, data]), { mode: 0o600 });
      await rename(draft, file);
    } finally {
      await rm(draft, { force: true });
    }
    // What it begins with is in it.
    const parts = this.#entries.filter((entry) => commonPrefix(entry.tokens, tokens) === entry.tokens.length);
    this.#entries.push({ file, tokens, bytes });
    for (const part of parts) await this.#remove(part);
  }

  #use(entry: Entry): void {
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.push(...this.#entries.splice(at, 1));
  }

  async #remove(entry: Entry): Promise<void> {
    const at = this.#entries.indexOf(entry);
    if (at >= 0) this.#entries.splice(at, 1);
    await rm(entry.file, { force: true });
  }
}

const LENGTH_CHARACTERS = 8;

function encodeHeader(header: z.infer<typeof headerSchema>): Buffer {
  const json = JSON.stringify(header);
  // The data begins where floats may: at a multiple of 4.
  const padded = `${json}${" ".repeat((4 - (json.length % 4)) % 4)}`;
  return Buffer.from(String(padded.length).padStart(LENGTH_CHARACTERS, "0") + padded);
}

function parseHeader(file: Buffer): (z.infer<typeof headerSchema> & { end: number }) | undefined {
  const length = Number(file.toString("latin1", 0, LENGTH_CHARACTERS));
  const end = LENGTH_CHARACTERS + length;
  if (!Number.isInteger(length) || length <= 0 || length > MOST_HEADER_BYTES || end > file.length) return undefined;
  try {
    const header = headerSchema.safeParse(JSON.parse(file.toString("utf8", LENGTH_CHARACTERS, end)));
    return header.data && { ...header.data, end };
  } catch {
    return undefined;
  }
}

async function readHeader(path: string): Promise<z.infer<typeof headerSchema> | undefined> {
  await using file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  const start = Buffer.alloc(LENGTH_CHARACTERS);
  await file.read(start, 0, LENGTH_CHARACTERS, 0);
  const length = Number(start.toString("latin1"));
  if (!Number.isInteger(length) || length <= 0 || length > MOST_HEADER_BYTES) return undefined;
  const header = Buffer.alloc(LENGTH_CHARACTERS + length);
  await file.read(header, 0, header.length, 0);
  return parseHeader(header);
}
