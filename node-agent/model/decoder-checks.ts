import type { Decoder } from "../engine/decoder.ts";

/** What is asked of a decoder is checked before it reaches native kernels: those trust their indices. All throw RangeError. */

export function checkSlot({ slots }: Pick<Decoder, "slots">, slot: number): void {
  if (!Number.isInteger(slot) || slot < 0 || slot >= slots) throw new RangeError(`There is no slot ${slot}.`);
}

/** @param count positions behind `past` that are to be written */
export function checkPositions({ contextLength }: Pick<Decoder, "contextLength">, past: number, count: number): void {
  if (!Number.isInteger(past) || past < 0 || past + count > contextLength) {
    throw new RangeError(`Positions [${past}, ${past + count}) are outside of the ${contextLength} a slot has.`);
  }
}

export function checkTokens({ vocabSize }: Pick<Decoder, "vocabSize">, tokens: readonly number[]): void {
  if (tokens.length === 0) throw new RangeError("A run needs at least one token.");
  const bad = tokens.find((token) => !Number.isInteger(token) || token < 0 || token >= vocabSize);
  if (bad !== undefined) throw new RangeError(`${bad} is not a token of this model.`);
}

/** A step: one token for each of the first slots. */
export function checkStep(decoder: Decoder, tokens: readonly number[], pasts: readonly number[]): void {
  if (tokens.length === 0 || tokens.length > decoder.slots || pasts.length !== tokens.length) {
    throw new RangeError(
      `Cannot decode ${tokens.length} tokens at ${pasts.length} positions over ${decoder.slots} slots.`,
    );
  }
  checkTokens(decoder, tokens);
  for (const past of pasts) checkPositions(decoder, past, 1);
}
