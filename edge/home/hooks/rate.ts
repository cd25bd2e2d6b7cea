/** A bucket of tokens for each address, in memory: an object that starts anew lets a minute's worth through once more. */
export class Rate {
  readonly #perMinute: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { left: number; atMs: number }>();

  constructor(perMinute: number, now: () => number) {
    [this.#perMinute, this.#now] = [perMinute, now];
  }

  /** Takes one. Returns how long to wait where there is none. */
  take(key: string): number | undefined {
    const nowMs = this.#now();
    const { left, atMs } = this.#buckets.get(key) ?? { left: this.#perMinute, atMs: nowMs };
    const perMs = this.#perMinute / 60_000;
    const has = Math.min(this.#perMinute, left + (nowMs - atMs) * perMs);
    this.#buckets.set(key, { left: has >= 1 ? has - 1 : has, atMs: nowMs });
    return has >= 1 ? undefined : Math.ceil((1 - has) / perMs);
  }

  forget(key: string): void {
    this.#buckets.delete(key);
  }
}
