/** Follows a text unit by unit and knows how much of `pattern` it ends with. */
export interface PrefixMatcher {
  readonly pattern: string;
  /** UTF-16 units of the longest prefix of the pattern that the text seen so far ends with. */
  readonly matched: number;
  /** Takes one UTF-16 unit; true when the text now ends with the whole pattern. */
  advance(unit: string): boolean;
  reset(): void;
}

/** Knuth-Morris-Pratt: constant cost per unit on average, no look back into the text. `pattern` is not empty. */
export function createPrefixMatcher(pattern: string): PrefixMatcher {
  // fallback[n]: the longest proper prefix of pattern[0..n) that is also its suffix.
  const fallback = [0, 0];
  for (let end = 1, length = 0; end < pattern.length; end++) {
    while (length > 0 && pattern[end] !== pattern[length]) length = fallback[length] ?? 0;
    if (pattern[end] === pattern[length]) length++;
    fallback[end + 1] = length;
  }
  let matched = 0;
  return {
    pattern,
    get matched() {
      return matched;
    },
    advance: (unit) => {
      if (matched === pattern.length) matched = fallback[matched] ?? 0;
      while (matched > 0 && pattern[matched] !== unit) matched = fallback[matched] ?? 0;
      if (pattern[matched] === unit) matched++;
      return matched === pattern.length;
    },
    reset: () => {
      matched = 0;
    },
  };
}
