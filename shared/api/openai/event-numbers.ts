/**
 * Numbers server-sent events by `id`, from 0 on, so that a client can say which was its last. An answer that is encoded anew from its
 * start has the same numbers; of such a one, events up to `after` are left out.
 */
export class EventNumbers {
  readonly #after: number;
  #next = 0;

  /** @param after number of the last event that the client has; -1 for none */
  constructor(after = -1) {
    this.#after = after;
  }

  /** @param text whole events, as they would go out without numbers */
  number(text: string): string {
    let numbered = "";
    for (const event of text.split("\n\n")) {
      if (event === "") continue;
      const id = this.#next++;
      if (id > this.#after) numbered += `id: ${id}\n${event}\n\n`;
    }
    return numbered;
  }
}
