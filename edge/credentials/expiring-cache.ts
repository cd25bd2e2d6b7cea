/** Values that are good for a while, at most `capacity` of them: the oldest make room. */
export class ExpiringCache<Value> {
  readonly #capacity: number;
  readonly #entries = new Map<string, { value: Value; expiresAt: number }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string, nowMs: number): Value | undefined {
    const entry = this.#entries.get(key);
    return entry && entry.expiresAt > nowMs ? entry.value : undefined;
  }

  set(key: string, value: Value, expiresAt: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresAt });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#capacity && oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
