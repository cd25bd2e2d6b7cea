import { PorchlightError } from "../../errors.ts";

/** What `starting_after` and `Last-Event-ID` may be: an event's `id`. */
export const EVENT_ID = /^\d{1,10}(?:\.\d{1,10}){0,15}$/;

/** Begins the chunk behind the last choice's end, which belongs to none of them. */
const USAGE = '"choices":[],"usage":{';

/**
 * Numbers server-sent events by `id`, so that a client can say which was its last. An answer that is encoded anew from its start has the
 * same numbers; of such a one, events that the client has are left out. With one choice an id is the event's number, from 0 on. Several
 * choices come in no order that could be told again: there an id is how many events of each choice have come by then, such as `3.5`.
 */
export class EventNumbers {
  /** Events of each choice that the client has. */
  readonly #has: readonly number[];
  readonly #counts: number[];

  /**
   * @param after id of the last event that the client has, if it has any. Throws `invalid_request` for one of an answer with other
   * choices
   */
  constructor(choices = 1, after?: string) {
    this.#counts = Array.from({ length: choices }, () => 0);
    this.#has = after === undefined ? this.#counts.slice() : readId(after, choices);
  }

  /** @param text whole events of a choice, as they would go out without numbers */
  number(text: string, choice = 0): string {
    let numbered = "";
    for (const event of text.split("\n\n")) {
      if (event === "") continue;
      if (this.#counts.length > 1 && event.includes(USAGE)) {
        numbered += `${event}\n\n`;
        continue;
      }
      const count = (this.#counts[choice] ?? 0) + 1;
      this.#counts[choice] = count;
      if (count > (this.#has[choice] ?? 0)) numbered += `id: ${this.#id()}\n${event}\n\n`;
    }
    return numbered;
  }

  #id(): string {
    const [only = 0, ...others] = this.#counts;
    if (others.length === 0) return String(only - 1);
    return this.#counts.map((count, choice) => Math.max(count, this.#has[choice] ?? 0)).join(".");
  }
}

function readId(id: string, choices: number): number[] {
  const parts = id.split(".").map(Number);
  if (parts.length !== choices) {
    const param = "starting_after";
    const sentence = `Invalid value for '${param}': '${id}' is no id of an answer with ${choices} choice${choices === 1 ? "" : "s"}.`;
    throw new PorchlightError("invalid_request", sentence, { param });
  }
  return choices === 1 ? parts.map((number) => number + 1) : parts;
}
