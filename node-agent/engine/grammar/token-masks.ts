import type { Tokenizer } from "../../text/tokenizer.ts";
import type { GrammarAutomaton, GrammarState } from "./automaton.ts";
import { GRAMMAR_LIMITS, grammarError } from "./grammar.ts";
import { PLAIN } from "./network.ts";
import { createTokenTrie, type TokenTrie } from "./token-trie.ts";

/** The tokens of one vocabulary, arranged to find those that a grammar allows. One for all grammars of a model. */
export interface TokenMasks {
  readonly vocabSize: number;
  /**
   * The tokens that may come in a state, as bits: token t is bit t % 32 of word t / 32. The caller must not change it. Throws
   * `invalid_request` when the grammar makes this too much work.
   */
  maskOf(automaton: GrammarAutomaton, state: GrammarState): Uint32Array;
}

/** Tokens of more plain characters than this are treated like all others. */
const MAX_PLAIN_LENGTH = 32;
/** A mask that took fewer steps than this is computed anew instead of kept. */
const KEPT_FROM_STEPS = 400;
/** Memory for kept masks, of one grammar. */
const KEPT_BYTES = 16 * 1024 * 1024;

/**
 * @param stopTokens allowed where the text may end, and nowhere else
 * @param bytesOf bytes of a token's text; tokens without any are never allowed
 */
export function createTokenMasks(
  vocabSize: number,
  bytesOf: Tokenizer["bytesOf"],
  stopTokens: ReadonlySet<number>,
): TokenMasks {
  const words = Math.ceil(vocabSize / 32);
  const plain: Entry[] = [];
  const other: Entry[] = [];
  for (let id = 0; id < vocabSize; id++) {
    const bytes = bytesOf(id);
    if (bytes.length === 0 || stopTokens.has(id)) continue;
    const length = plainLength(bytes);
    if (length > 0 && length <= MAX_PLAIN_LENGTH) plain.push({ id, bytes, length });
    else other.push({ id, bytes, length });
  }
  const plainTrie = createTokenTrie(plain);
  const otherTrie = createTokenTrie(other);
  const longest = plain.reduce((most, { length }) => Math.max(most, length), 0);
  /** plainUpTo[n]: the plain tokens of at most n characters. */
  const plainUpTo = Array.from({ length: longest + 1 }, (_, most) => {
    const mask = new Uint32Array(words);
    for (const { id, length } of plain) if (length <= most) setBit(mask, id);
    return mask;
  });
  const states: (GrammarState | null)[] = [];
  const keptBytes = new WeakMap<GrammarAutomaton, number>();

  return {
    vocabSize,
    maskOf: (automaton, state) => {
      if (state.mask !== undefined) return state.mask;
      const stepsBefore = automaton.steps;
      const run = plainRun(automaton, state, longest);
      const mask = Uint32Array.from(plainUpTo[run.length] ?? new Uint32Array(words));
      let visited = walk(automaton, state, otherTrie, mask, states, stepsBefore);
      if (!run.isAll) visited += walk(automaton, state, plainTrie, mask, states, stepsBefore);
      if (state.accepts) for (const token of stopTokens) setBit(mask, token);
      if (visited > KEPT_FROM_STEPS) keep(automaton, state, mask, keptBytes);
      return mask;
    },
  };
}

interface Entry {
  id: number;
  bytes: Uint8Array;
  /** Characters, if all are plain; else 0. */
  length: number;
}

function keep(
  automaton: GrammarAutomaton,
  state: GrammarState,
  mask: Uint32Array,
  keptBytes: WeakMap<GrammarAutomaton, number>,
): void {
  let bytes = (keptBytes.get(automaton) ?? 0) + mask.byteLength;
  if (bytes > KEPT_BYTES) {
    automaton.forget();
    bytes = mask.byteLength;
  }
  keptBytes.set(automaton, bytes);
  state.mask = mask;
}

/** How many plain characters may come one after the other, up to `most`; and whether no longer run of them may. */
function plainRun(automaton: GrammarAutomaton, start: GrammarState, most: number): { length: number; isAll: boolean } {
  let state = start;
  for (let length = 0; length < most; length++) {
    const next = automaton.afterPlain(state);
    if (next === "none") return { length, isAll: true };
    if (next === "mixed") return { length, isAll: false };
    if (next === state) break;
    state = next;
  }
  return { length: most, isAll: true };
}

/** Sets the bits of the trie's tokens that may come in `start`; returns the nodes visited. */
function walk(
  automaton: GrammarAutomaton,
  start: GrammarState,
  trie: TokenTrie,
  mask: Uint32Array,
  states: (GrammarState | null)[],
  stepsBefore: number,
): number {
  const { bytes, depths, ends, tokenStarts, tokens } = trie;
  states[0] = start;
  let visited = 0;
  let node = 0;
  while (node < bytes.length) {
    visited++;
    const depth = depths[node] ?? 0;
    const before = states[depth - 1];
    const after = before ? automaton.next(before, bytes[node] ?? 0) : null;
    if (after === null) {
      node = ends[node] ?? bytes.length;
      continue;
    }
    states[depth] = after;
    const end = tokenStarts[node + 1] ?? 0;
    for (let i = tokenStarts[node] ?? 0; i < end; i++) setBit(mask, tokens[i] ?? 0);
    if (automaton.steps - stepsBefore > GRAMMAR_LIMITS.stepsPerToken) throw tooMuchWork();
    node++;
  }
  return visited;
}

function tooMuchWork(): Error {
  return grammarError("The grammar or schema takes too long to follow. Make it smaller or less ambiguous.");
}

function setBit(mask: Uint32Array, id: number): void {
  mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31));
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function plainLength(bytes: Uint8Array): number {
  let text: string;
  try {
    text = strictUtf8.decode(bytes);
  } catch {
    return 0; // Part of a character.
  }
  const isPlain = Array.from(text).every((character) => {
    const point = character.codePointAt(0) ?? 0;
    return PLAIN.some(([first, last]) => point >= first && point <= last);
  });
  return isPlain ? Array.from(text).length : 0;
}
