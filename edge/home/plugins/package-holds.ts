import { holdPackage, syncHolds } from "../../market/store/package-holds.ts";
import type { Database } from "../../store/database.ts";

/** A household's hold of the packages that its people have: they are shared with other households, and nobody else knows. */
export class PackageHolds {
  readonly #options: { db: () => Database; home: string; now: () => number };
  #isRunning = false;
  #again = false;

  constructor(options: { db: () => Database; home: string; now?: () => number }) {
    this.#options = { now: Date.now, ...options };
  }

  /** Before a package is installed: see `holdPackage`. */
  async hold(hash: string): Promise<void> {
    const { db, home, now } = this.#options;
    await holdPackage(db(), hash, home, now());
  }

  /** After something was installed or removed, behind whoever calls; what goes wrong is done by the next one. */
  sync(hashesNow: () => readonly string[]): void {
    this.#again = true;
    if (!this.#isRunning) void this.#syncAll(hashesNow);
  }

  async #syncAll(hashesNow: () => readonly string[]): Promise<void> {
    const { db, home } = this.#options;
    this.#isRunning = true;
    while (this.#again) {
      this.#again = false;
      try {
        await syncHolds(db(), home, hashesNow);
      } catch (error) {
        console.error("plugins: what this household holds could not be written down:", error);
      }
    }
    this.#isRunning = false;
  }
}
