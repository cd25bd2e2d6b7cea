import { cut } from "./text.ts";

/** Parts of the queue tools' inputs. */
export const QUEUE = { type: "string", description: "The queue's name", minLength: 1, maxLength: 255 } as const;
export const MESSAGE = {
  type: "string",
  description: "The message: a text, or JSON",
  minLength: 1,
  maxLength: 100_000,
} as const;
export const LIMIT = {
  type: "integer",
  description: "How many messages",
  minimum: 1,
  maximum: 20,
  default: 5,
} as const;

const MOST_SHOWN = 4_000;
/** Of all messages that one call takes away: what is taken must be told whole, or it is lost. */
const MOST_TAKEN = 20_000;
const MOST_ONE = 200_000;

export interface ShownMessage {
  message: string;
  truncated: boolean;
}

/** Of a message that stays in its queue. */
export function shownMessage(text: string): ShownMessage {
  return { message: cut(text, MOST_SHOWN), truncated: text.length > MOST_SHOWN };
}

/** How many of these messages, the oldest first, one answer holds whole. Throws RangeError where the first is too long for any. */
export function takenAtOnce(sizes: readonly number[]): number {
  const [first = 0] = sizes;
  if (first > MOST_ONE)
    throw new RangeError(
      `The oldest message has ${first} bytes: too many for an answer. Take it with another program.`,
    );
  let sum = 0;
  const count = sizes.findIndex((size) => (sum += size) > MOST_TAKEN);
  return count < 0 ? sizes.length : Math.max(1, count);
}

/** Whether a message says itself what it is. */
export function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false; // then it is a text
  }
}
