import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join, sep } from "node:path";
import { z } from "zod";

const MANIFEST = "entry.json";
const BUILDING = ".building-";
/** A build that is older than this was given up: none takes nearly as long. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

const manifestSchema = z.object({
  /** What the entry was made from, whatever the version: a newer entry of the same source replaces it. */
  source: z.string(),
  /** Size in bytes of every file of the entry. */
  files: z.record(z.string(), z.number().int().nonnegative()),
});

export interface CacheEntry {
  /** Everything that the compiled files depend on. */
  key: Record<string, unknown>;
  /** What stays the same when the model, the CPU or the version changes: its entries replace each other. */
  source: string;
}

/**
 * A folder of compiled models, one subfolder each, shared by all processes of a user. An entry appears under its name only when it is
 * complete (it is built beside it and renamed), so that processes compiling the same model at once do no harm: the first to
 * finish wins, the others use its entry.
 */
export class CompiledCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Folder of an entry that is there and whole; undefined if it has to be built. */
  async find(entry: CacheEntry): Promise<string | undefined> {
    const folder = this.#path(entry);
    return (await isWhole(folder)) ? folder : undefined;
  }

  /** Builds an entry with `build`, which writes its files into the folder it is given, and returns the entry's folder. */
  async build(entry: CacheEntry, build: (folder: string) => Promise<void>): Promise<string> {
    const building = join(this.#folder, `${BUILDING}${crypto.randomUUID()}`);
    await mkdir(building, { recursive: true });
    try {
      await build(building);
      await writeManifest(building, entry.source);
      return await this.#publish(building, entry);
    } finally {
      await remove(building);
    }
  }

  /** Removes an entry that turned out to be broken. */
  async discard(entry: CacheEntry): Promise<void> {
    // Moved away first, so that nobody sees half of it.
    const aside = join(this.#folder, `${BUILDING}${crypto.randomUUID()}`);
    await rename(this.#path(entry), aside).catch(ignoreMissing);
    await remove(aside);
  }

  /** Removes what was compiled from these model folders or files, or from files in them: sources are JSON arrays that begin with one. */
  async removeOf(places: readonly string[]): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const source = (await readManifest(join(this.#folder, name)))?.source;
      const from = source === undefined ? undefined : placeOf(source);
      const isGone = places.some((place) => from === place || from?.startsWith(place + sep));
      if (isGone) await remove(join(this.#folder, name));
    }
  }

  async #publish(building: string, entry: CacheEntry): Promise<string> {
    const target = this.#path(entry);
    try {
      await rename(building, target);
    } catch {
      // There is one already. If another process was faster, it is as good as ours; if it is broken, it makes way.
      if (!(await isWhole(target))) {
        await this.discard(entry);
        await rename(building, target);
      }
    }
    await this.#removeOthers(entry.source, basename(target));
    return target;
  }

  /** Removes older entries of the same source, and builds that nobody finished. Those in use stay mapped until they are closed. */
  async #removeOthers(source: string, keep: string): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const old = name.startsWith(BUILDING)
        ? (await ageMs(path)) > ABANDONED_MS
        : name !== keep && (await readManifest(path))?.source === source;
      if (old) await remove(path);
    }
  }

  #path(entry: CacheEntry): string {
    const digest = createHash("sha256").update(JSON.stringify(entry.key)).digest("hex");
    return join(this.#folder, digest.slice(0, 32));
  }
}

async function writeManifest(folder: string, source: string): Promise<void> {
  const files: Record<string, number> = {};
  for (const name of await readdir(folder)) files[name] = (await stat(join(folder, name))).size;
  await writeFile(join(folder, MANIFEST), JSON.stringify({ source, files }));
}

async function readManifest(folder: string): Promise<z.infer<typeof manifestSchema> | undefined> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
  } catch {
    // Absent, unreadable or not ours: in every case there is no usable entry here.
    return undefined;
  }
}

function placeOf(source: string): string | undefined {
  try {
    return z.tuple([z.string()], z.unknown()).safeParse(JSON.parse(source)).data?.[0];
  } catch {
    return undefined; // not JSON: of another kind
  }
}

async function isWhole(folder: string): Promise<boolean> {
  const manifest = await readManifest(folder);
  if (manifest === undefined) return false;
  const sizes = await Promise.all(
    Object.entries(manifest.files).map(async ([name, size]) => (await sizeOf(join(folder, name))) === size),
  );
  return sizes.every(Boolean);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    (entry) => entry.size,
    () => undefined,
  );
}

async function ageMs(path: string): Promise<number> {
  return await stat(path).then(
    (entry) => Date.now() - entry.mtimeMs,
    () => 0,
  );
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}

/** On Windows a file that another process maps cannot be removed: it is then left to a later build. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
    if (process.platform !== "win32") throw error;
  });
}
