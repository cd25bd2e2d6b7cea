import type { Turn } from "../../../shared/sessions/turn.ts";
import { TIER_LIMITS } from "./limits.ts";

/** The last turns of a household in memory: SQLite has them too, but these need no reading and no parsing. Nothing counts on it. */
export class HotTurns {
  readonly capacity: number;
  /** The one that was written or read longest ago first. */
  readonly #turns = new Map<string, Turn>();

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get(sessionId: string, index: number): Turn | undefined {
    return this.#turns.get(key(sessionId, index));
  }

  /** A turn that is very long is not kept: SQLite has it, and others need the room. */
  put(sessionId: string, turn: Turn): void {
    if (lengthOf(turn) > TIER_LIMITS.hotTurnCharacters) return;
    const name = key(sessionId, turn.index);
    this.#turns.delete(name);
    this.#turns.set(name, turn);
    for (const oldest of this.#turns.keys()) {
      if (this.#turns.size <= this.capacity) break;
      this.#turns.delete(oldest);
    }
  }

  drop(sessionId: string, from: number, to: number): void {
    for (let index = from; index < to; index++) this.#turns.delete(key(sessionId, index));
  }
}

function lengthOf({ messages }: Turn): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}

function key(sessionId: string, index: number): string {
  return `${sessionId}/${index}`;
}
