import { array as listOf, nat } from "fast-check";

/** Places to cut a text, as an arbitrary: see `splitAt`. */
export const splits = listOf(nat({ max: 7 }), { maxLength: 80 });

/** Cuts a text into pieces of these lengths (whole characters; 0 makes an empty piece) and the rest. */
export function splitAt(text: string, lengths: readonly number[]): string[] {
  const characters = Array.from(text);
  const pieces = lengths.map((length) => characters.splice(0, length).join(""));
  return [...pieces, characters.join("")];
}
