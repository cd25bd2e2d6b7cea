/** Something that happens at a time; the one that was planned first goes first. */
export interface Planned {
  atMs: number;
  order: number;
}

/** A binary heap: the earliest on top. */
export class EventHeap<Event extends Planned> {
  readonly #events: Event[] = [];

  get first(): Event | undefined {
    return this.#events[0];
  }

  get size(): number {
    return this.#events.length;
  }

  push(event: Event): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = events[above];
      if (parent === undefined || isBefore(parent, event)) break;
      events[at] = parent;
      at = above;
    }
    events[at] = event;
  }

  pop(): Event | undefined {
    const events = this.#events;
    const top = events[0];
    const last = events.pop();
    if (top === undefined || last === undefined || events.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = events[below];
      if (child === undefined) break;
      const right = events[below + 1];
      if (right !== undefined && isBefore(right, child)) {
        below += 1;
        child = right;
      }
      if (isBefore(last, child)) break;
      events[at] = child;
      at = below;
    }
    events[at] = last;
    return top;
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
