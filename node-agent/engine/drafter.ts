/** Guesses how a sequence goes on. A guess costs little and may be wrong: the model has the last word. */
export interface Drafter {
  /** Up to `most` tokens that may follow `tokens`, which is what it was given last time and what came since. */
  propose(tokens: readonly number[], most: number): readonly number[] | Promise<readonly number[]>;
}
