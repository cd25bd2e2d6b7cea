import { createPrefixMatcher } from "../text/prefix-matcher.ts";
import { THINK_CLOSE, THINK_OPEN } from "../text/reasoning.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { GrammarMatcher } from "./grammar/matcher.ts";

export interface ThoughtMatcherOptions {
  tokenizer: Pick<Tokenizer, "encode" | "bytesOf">;
  vocabSize: number;
  /** Whether the prompt ended inside of the thoughts. */
  isOpen: boolean;
  /** Most tokens of thoughts; behind them they are closed. */
  maxTokens: number | undefined;
  stopTokens: ReadonlySet<number>;
  /** What the answer behind the thoughts is held to; null: anything goes. */
  answer: GrammarMatcher | null;
}

/**
 * Lets a model think freely before an answer that is held to a form, for as long as its budget lasts. A model that need not think may begin
 * with the opening tag, where that is one token, or with its answer.
 */
export function createThoughtMatcher(options: ThoughtMatcherOptions): GrammarMatcher {
  const { tokenizer, vocabSize, isOpen, maxTokens = Number.POSITIVE_INFINITY, answer } = options;
  const anything = new Uint32Array(Math.ceil(vocabSize / 32)).fill(0xffffffff);
  const thought = answer === null ? anything : anything.slice();
  // Whoever is held to a form may not end before the form has begun.
  if (answer !== null) for (const token of options.stopTokens) withoutToken(thought, token);
  const [open, ...rest] = tokenizer.encode(THINK_OPEN);
  const openToken = rest.length === 0 ? open : undefined;
  const closing = tokenizer.encode(THINK_CLOSE);
  const close = createPrefixMatcher(THINK_CLOSE);
  let phase: "before" | "inside" | "answer" = isOpen ? "inside" : "before";
  let thoughts = 0;
  /** Of the closing tag's tokens, how many were forced. */
  let forced = 0;

  function acceptInside(token: number): void {
    thoughts += 1;
    if (thoughts > maxTokens) forced += 1;
    // Bytes as characters: the tag is ASCII, so no character of more bytes can hide it.
    for (const byte of tokenizer.bytesOf(token)) if (close.advance(String.fromCharCode(byte))) phase = "answer";
  }

  return {
    mask: () => {
      if (phase === "answer") return answer?.mask() ?? anything;
      if (phase === "inside") {
        const next = thoughts >= maxTokens ? closing[forced] : undefined;
        return next === undefined ? thought : withToken(new Uint32Array(anything.length), next);
      }
      if (answer === null || openToken === undefined) return answer?.mask() ?? anything;
      return withToken(answer.mask().slice(), openToken);
    },
    accept: (token) => {
      if (phase === "inside") return acceptInside(token);
      if (phase === "before") phase = token === openToken ? "inside" : "answer";
      if (phase === "answer") answer?.accept(token);
    },
    get isComplete() {
      return phase === "answer" && (answer?.isComplete ?? false);
    },
  };
}

/** `mask` with the token's bit set. */
function withToken(mask: Uint32Array, token: number): Uint32Array {
  mask[token >>> 5] = (mask[token >>> 5] ?? 0) | (1 << (token & 31));
  return mask;
}

function withoutToken(mask: Uint32Array, token: number): void {
  mask[token >>> 5] = (mask[token >>> 5] ?? 0) & ~(1 << (token & 31));
}
