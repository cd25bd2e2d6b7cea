import type { Decoder } from "./decoder.ts";
import type { Drafter } from "./drafter.ts";
import { argmax } from "./sampler.ts";
import { commonPrefix } from "./slot-table.ts";

/** Prompt tokens that the draft model computes in one call. */
const CHUNK_TOKENS = 256;

/**
 * Guesses by a smaller model with the same vocabulary, greedily (Leviathan et al., arXiv:2211.17192). It has one slot, which holds the
 * tokens of the sequence that asked last; so sequences share it without more memory.
 */
export function createDraftModel(decoder: Decoder): Drafter {
  let held: readonly number[] = [];
  return {
    propose: async (tokens, most) => {
      const length = Math.min(most, decoder.contextLength - tokens.length);
      if (length <= 0) return [];
      // The last token is computed in any case, for its logits.
      let stored = Math.min(commonPrefix(held, tokens), tokens.length - 1);
      held = [];
      let logits: Float32Array = new Float32Array(0);
      for (; stored < tokens.length; stored += CHUNK_TOKENS) {
        logits = await decoder.prefill(0, tokens.slice(stored, stored + CHUNK_TOKENS), stored);
      }
      const draft = [argmax(logits)];
      while (draft.length < length) {
        const last = draft.at(-1) ?? 0;
        draft.push(argmax(await decoder.decode([last], [tokens.length + draft.length - 1])));
      }
      held = [...tokens, ...draft.slice(0, -1)];
      return draft;
    },
  };
}
