import type { KeyValueStorage } from "../logic/left-behind.ts";

/** The browser's storage, or one that lasts as long as the page where the browser forbids it. */
export function openStorage(kind: "localStorage" | "sessionStorage"): { storage: KeyValueStorage; lasting: boolean } {
  try {
    const storage = window[kind];
    storage.getItem("porchlight");
    return { storage, lasting: true };
  } catch {
    return { storage: new MemoryStorage(), lasting: false }; // SecurityError: cookies and site data are blocked.
  }
}

class MemoryStorage implements KeyValueStorage {
  private readonly entries = new Map<string, string>();

  get length(): number {
    return this.entries.size;
  }

  key(index: number): string | null {
    return [...this.entries.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.entries.set(key, value);
  }

  removeItem(key: string): void {
    this.entries.delete(key);
  }
}

/** Keeps a small preference; a full storage loses it, which harms nothing. */
export function remember(storage: KeyValueStorage, key: string, value: string): void {
  try {
    storage.setItem(key, value);
  } catch (error) {
    console.warn("The browser did not store a preference.", error);
  }
}
