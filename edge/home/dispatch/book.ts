/** A request that a machine is at. */
export interface Placed {
  readonly agentId: string;
  readonly model: string;
  readonly startedAtMs: number;
  /** How long it was thought to take. */
  readonly expectedMs: number;
}

/** What is over its time goes on for about this share of what it took so far. */
const OVERDUE_SHARE = 0.25;

/** Which machine is at what, by the Home object's own book-keeping. */
export class Book {
  readonly #placed = new Map<string, Set<Placed>>();

  add(placed: Placed): void {
    const its = this.#placed.get(placed.agentId) ?? new Set();
    this.#placed.set(placed.agentId, its.add(placed));
  }

  remove(placed: Placed): void {
    const its = this.#placed.get(placed.agentId);
    its?.delete(placed);
    if (its?.size === 0) this.#placed.delete(placed.agentId);
  }

  /** How many requests a machine is at. */
  count(agentId: string): number {
    return this.#placed.get(agentId)?.size ?? 0;
  }

  /** For each request of a model on a machine, in the order they came: how long it is likely to go on. */
  remainingMs(agentId: string, model: string, nowMs: number): number[] {
    const its = [...(this.#placed.get(agentId) ?? [])].filter((placed) => placed.model === model);
    return its.map(({ startedAtMs, expectedMs }) => {
      const goneMs = nowMs - startedAtMs;
      return Math.max(expectedMs - goneMs, goneMs * OVERDUE_SHARE);
    });
  }
}
