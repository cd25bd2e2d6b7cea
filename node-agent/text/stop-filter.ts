import { createPrefixMatcher } from "./prefix-matcher.ts";

/** Lets text through up to the first stop string, never any part of one. */
export interface StopFilter {
  /** Text that is certainly not part of a stop string. */
  push(text: string): string;
  /** What was held back, once no more text comes. */
  end(): string;
  /** True once a stop string was seen: nothing comes out any more. */
  readonly stopped: boolean;
  /** The stop string that was seen, as it was given. */
  readonly stoppedBy: string | undefined;
}

/**
 * The stop string that is complete first ends the text; of several complete at the same place, the longest. Holds back the
 * longest end of the text that a stop string could begin with.
 */
export function createStopFilter(stops: readonly string[]): StopFilter {
  // Half a surrogate pair as stop string would cut a character in two.
  const matchers = stops.map((stop) => createPrefixMatcher(stop.toWellFormed()));
  let held = "";
  let stoppedBy: string | undefined;
  return {
    get stopped() {
      return stoppedBy !== undefined;
    },
    get stoppedBy() {
      return stoppedBy;
    },
    push: (text) => {
      if (stoppedBy !== undefined) return "";
      if (matchers.length === 0) return text;
      const before = held.length;
      const pending = held + text;
      for (let i = 0; i < text.length; i++) {
        const unit = text.charAt(i);
        let stopLength = 0;
        for (const [index, matcher] of matchers.entries()) {
          if (!matcher.advance(unit) || matcher.pattern.length <= stopLength) continue;
          stopLength = matcher.pattern.length;
          stoppedBy = stops[index];
        }
        if (stopLength > 0) {
          held = "";
          return pending.slice(0, before + i + 1 - stopLength);
        }
      }
      const cut = pending.length - Math.max(...matchers.map((matcher) => matcher.matched));
      held = pending.slice(cut);
      return pending.slice(0, cut);
    },
    end: () => {
      const rest = held;
      held = "";
      return rest;
    },
  };
}
