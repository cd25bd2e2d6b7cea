import { modelError } from "../model/model-error.ts";

/**
 * A seam is a point in rendered prompt text at which the tokenizer starts afresh: no token spans it. It is how text from users
 * and tools that spells a control token (`<|im_end|>`) stays ordinary text. U+FDD0 is a noncharacter that Unicode reserves
 * for a process's own use, so chat templates carry it through unchanged.
 */
export const SEAM = "\uFDD0";

/** Makes text safe to put into a chat template. */
export type Guard = (text: string) => string;

/**
 * A guard that puts a seam after the first character of every occurrence of one of `tokens`. It also makes lone surrogates and
 * seams that were in the text U+FFFD.
 */
export function createGuard(tokens: readonly string[]): Guard {
  // Longest first, so that a token which begins with another is cut as a whole.
  const spellings = tokens.filter((token) => token.length > 1).toSorted((a, b) => b.length - a.length);
  const pattern = spellings.length === 0 ? null : new RegExp(spellings.map(escapePattern).join("|"), "gu");
  if (pattern !== null) compileNow(pattern);
  return (text) => {
    const clean = text.toWellFormed().replaceAll(SEAM, "\uFFFD");
    if (pattern === null) return clean;
    return clean.replace(pattern, (token) => {
      const [first = ""] = token;
      return first + SEAM + token.slice(first.length);
    });
  };
}

/** Expressions are compiled at first use, once for Latin letters and once for all: one that is too large must show while the model loads. */
function compileNow(pattern: RegExp): void {
  try {
    for (const text of ["a", "\u2581"]) text.replace(pattern, "");
  } catch (cause) {
    throw modelError("The model's tokenizer has added tokens that are too long to be told from text.", cause);
  }
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/gu, "\\$&");
}
