import { type FSWatcher, watch } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { contentVersion } from "../model/content-version.ts";

/** A change comes in several steps: this long after the last of them it is looked at. */
const SETTLE_MS = 200;
/** What a system does not tell of (a network drive, files copied into a folder that was seen already) is noticed by this time. */
const POLL_MS = 10_000;

export interface WatchOptions {
  /** The folder that models are listed from. */
  folder: string;
  /** Something in it is another than it was. One that rejects is called again at the next look. */
  onChange(): Promise<void>;
  pollMs?: number;
}

/** Tells when models are added, replaced or removed, until the returned function is called. It keeps no process alive. */
export function watchModels(options: WatchOptions): () => void {
  const watcher = new ModelWatch(options);
  return () => watcher.stop();
}

class ModelWatch {
  readonly #options: WatchOptions;
  readonly #poll: NodeJS.Timeout;
  readonly #settle: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #seen: string | undefined;
  #looking = false;
  /** Something happened during a look. */
  #again = false;
  #stopped = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#settle = setTimeout(() => void this.#look(), SETTLE_MS).unref();
    this.#poll = setInterval(() => void this.#look(), options.pollMs ?? POLL_MS).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#settle);
    this.#watcher?.close();
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    try {
      this.#listen();
      const state = await stateOf(this.#options.folder);
      if (state === this.#seen) return;
      // The first look is at what the agent has just listed, but what came between is not: it is told of, too.
      await this.#options.onChange();
      this.#seen = state;
    } catch {
      this.#seen = undefined; // the next look tries again
    } finally {
      this.#looking = false;
    }
    if (this.#again && !this.#stopped) this.#settle.refresh();
    this.#again = false;
  }

  /** The folder may not be there yet, or be another one than it was: then the poll sees what comes. */
  #listen(): void {
    if (this.#watcher !== undefined || this.#stopped) return;
    try {
      this.#watcher = watch(this.#options.folder, { persistent: false }, () => this.#settle.refresh());
    } catch {
      return;
    }
    this.#watcher.once("error", () => {
      this.#watcher?.close();
      this.#watcher = undefined;
    });
  }
}

/** Everything in the folder that could be a model, with where it leads and the state of its files. */
async function stateOf(folder: string): Promise<string> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith("."));
  const states = names.toSorted().map(async (name) => {
    const path = join(folder, name);
    return [name, await realpath(path).catch(() => ""), await contentVersion(path).catch(() => "")];
  });
  return JSON.stringify(await Promise.all(states));
}
