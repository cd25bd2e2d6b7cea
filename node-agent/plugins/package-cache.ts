import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import { type PluginPackage, readPackage } from "../../shared/plugin/package.ts";

const ENDING = ".plugin";
/** Packages in memory, and on the disk: of those that were not used for longest, the next call fetches them again. */
const IN_MEMORY = 8;
const MOST_PACKAGES = 200;

/** Packages by their hashes. What is on the disk is verified as it is read: a damaged one is as good as none. */
export class PackageCache {
  readonly #folder: string;
  readonly #recent = new Map<string, PluginPackage>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(hash: string): Promise<PluginPackage | undefined> {
    const known = this.#recent.get(hash);
    if (known !== undefined) return known;
    const path = this.#pathOf(hash);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) return undefined;
    const found = await readPackage(bytes).catch(() => undefined);
    if (found?.hash !== hash) {
      await rm(path, { force: true });
      return undefined;
    }
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined); // another call has just pruned it
    return this.#remember(found);
  }

  /** Throws PorchlightError `plugin_invalid` for bytes that are not this package. */
  async put(hash: string, bytes: Uint8Array): Promise<PluginPackage> {
    const found = await readPackage(bytes);
    if (found.hash !== hash)
      throw new PorchlightError("plugin_invalid", "The edge sent another package than it named.");
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${this.#pathOf(hash)}.${crypto.randomUUID()}`;
    await writeFile(draft, bytes, { mode: 0o600 });
    await rename(draft, this.#pathOf(hash));
    await this.#prune();
    return this.#remember(found);
  }

  #remember(found: PluginPackage): PluginPackage {
    this.#recent.set(found.hash, found);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > IN_MEMORY && oldest !== undefined) this.#recent.delete(oldest);
    return found;
  }

  async #prune(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(ENDING));
    if (names.length <= MOST_PACKAGES) return;
    const used = await Promise.all(
      names.map(async (name) => ({ name, atMs: (await stat(join(this.#folder, name))).mtimeMs })),
    );
    const oldest = used.toSorted((one, other) => one.atMs - other.atMs).slice(0, names.length - MOST_PACKAGES);
    for (const { name } of oldest) await rm(join(this.#folder, name), { force: true });
  }

  /** `hash` is hexadecimal: the protocol's schema saw to that. */
  #pathOf(hash: string): string {
    return join(this.#folder, `${hash}${ENDING}`);
  }
}
