import { PorchlightError } from "../../../shared/errors.ts";
import type { GrammarAutomaton, GrammarState } from "./automaton.ts";
import { grammarError } from "./grammar.ts";
import type { TokenMasks } from "./token-masks.ts";

/** Holds one sequence to a grammar. */
export interface GrammarMatcher {
  /** Bits of the tokens that may come next, at least one; see TokenMasks.maskOf. */
  mask(): Uint32Array;
  /** Takes the token that was chosen, one that `mask` allows. */
  accept(token: number): void;
  /** Nothing can follow: the text is whole. */
  readonly isComplete: boolean;
}

/** @param bytesOf as of TokenMasks */
export function createGrammarMatcher(
  automaton: GrammarAutomaton,
  masks: TokenMasks,
  bytesOf: (id: number) => Uint8Array,
  stopTokens: ReadonlySet<number>,
): GrammarMatcher {
  let state: GrammarState = automaton.start;
  return {
    mask: () => {
      const mask = masks.maskOf(automaton, state);
      if (mask.every((word) => word === 0)) {
        throw grammarError("This model's vocabulary has no token with which the grammar or schema could be continued.");
      }
      return mask;
    },
    accept: (token) => {
      if (stopTokens.has(token)) return;
      const next = automaton.nextAll(state, bytesOf(token));
      if (next === null)
        throw new PorchlightError("internal", "A token came that the grammar does not allow. Try again.");
      state = next;
    },
    get isComplete() {
      return state.accepts && state.readings.length === 0;
    },
  };
}
