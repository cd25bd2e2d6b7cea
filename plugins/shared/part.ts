import { cut } from "./text.ts";

/** What one answer holds of a long text. */
export const MOST_PART = 6_000;

export interface Part {
  text: string;
  /** Of the whole text. */
  characters: number;
  truncated: boolean;
  /** Where the next part starts, if there is one. */
  next_start?: number;
}

export const START = { type: "integer", description: "The character to start at", minimum: 0, default: 0 } as const;

/** A text from some character on, as much as an answer holds. Throws RangeError past its end. */
export function partOf(text: string, start: number): Part {
  if (start > 0 && start >= text.length) throw new RangeError(`The text ends at character ${text.length}.`);
  const part = cut(text.slice(start), MOST_PART);
  const next = start + part.length;
  const isMore = next < text.length;
  return { text: part, characters: text.length, truncated: isMore, ...(isMore ? { next_start: next } : {}) };
}
