import { PorchlightError } from "../../../shared/errors.ts";

/** A set of code points as sorted, disjoint, inclusive ranges. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

/** What a piece of text may be. Immutable, so that parts can be shared. */
export type Expression =
  /** One character of a set. */
  | { readonly type: "characters"; readonly set: CodePoints }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "sequence"; readonly items: readonly Expression[] }
  /** One of the items; none means that nothing matches. */
  | { readonly type: "choice"; readonly items: readonly Expression[] }
  /** `max` may be infinite. */
  | { readonly type: "repeat"; readonly item: Expression; readonly min: number; readonly max: number }
  | { readonly type: "rule"; readonly name: string }
  /** Any bytes in which `opener` does not occur; or any up to and with its first occurrence, and then `body`. */
  | { readonly type: "free"; readonly opener: string; readonly body: Expression };

/** A context-free grammar; its language is that of the rule `root`. */
export interface Grammar {
  readonly root: string;
  readonly rules: ReadonlyMap<string, Expression>;
}

/** Bounds of what a client may send, each with its reason. */
export const GRAMMAR_LIMITS = {
  /** Characters of a regular expression: a third of a second to compile at worst. */
  patternCharacters: 16_384,
  /** Characters of a grammar or a schema's JSON text: the largest seen in use are a quarter of it. */
  sourceCharacters: 65_536,
  /** Nesting of groups, schemas and rules' bodies: what reads them recurses. */
  depth: 64,
  /** Nodes of the compiled network; 64 bytes each. */
  nodes: 200_000,
  /** Largest count of a bounded repetition. */
  repetitions: 100_000,
  /** Ways of reading what was written so far that are followed at once. */
  readings: 2_000,
  /** Elementary steps for the mask of one token: about half a second. */
  stepsPerToken: 4_000_000,
  /** Rules made from one schema. */
  rules: 20_000,
} as const;

export const EMPTY: Expression = { type: "sequence", items: [] };
export const NOTHING: Expression = { type: "choice", items: [] };

export const text = (value: string): Expression => ({ type: "text", text: value });
export const rule = (name: string): Expression => ({ type: "rule", name });
export const sequence = (...items: readonly Expression[]): Expression => ({ type: "sequence", items });
export const choice = (items: readonly Expression[]): Expression => ({ type: "choice", items });
export const optional = (item: Expression): Expression => repeat(item, 0, 1);
export const repeat = (item: Expression, min: number, max: number): Expression => ({ type: "repeat", item, min, max });
export const characters = (set: CodePoints): Expression => ({ type: "characters", set });

/** An error of what the client sent. @param param the request's field that it came in */
export function grammarError(sentence: string, param = "response_format"): PorchlightError {
  return new PorchlightError("invalid_request", sentence, { param });
}

/** The set's sorted, disjoint form. */
export function normalizeSet(ranges: CodePoints): CodePoints {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (first > last) continue;
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

export const LAST_CODE_POINT = 0x10ffff;

/** Every code point that is not in the set. */
export function complement(set: CodePoints): CodePoints {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [first, last] of normalizeSet(set)) {
    if (first > next) rest.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST_CODE_POINT) rest.push([next, LAST_CODE_POINT]);
  return rest;
}

export function intersection(a: CodePoints, b: CodePoints): CodePoints {
  return complement([...complement(a), ...complement(b)]);
}
