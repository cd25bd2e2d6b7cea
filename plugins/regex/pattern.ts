import { RE2JS, RE2JSException } from "re2js";

/** Longer programs are not written by hand: nested counts such as (a{1000}){1000}. */
const MOST_INSTRUCTIONS = 20_000;

/** RE2 of a pattern, written as in most languages; `/x/i` is taken apart. Throws RangeError with the way out. */
export function compile(pattern: string, ignoreCase: boolean): RE2JS {
  const [, slashed, flags = ""] = /^\/(.+)\/([gimsuy]*)$/s.exec(pattern) ?? [];
  const isCaseless = ignoreCase || flags.includes("i");
  const options =
    RE2JS.MULTILINE | (isCaseless ? RE2JS.CASE_INSENSITIVE : 0) | (flags.includes("s") ? RE2JS.DOTALL : 0);
  try {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(slashed ?? pattern), options);
    if (compiled.programSize() > MOST_INSTRUCTIONS)
      throw new RangeError("The pattern is too large. Use smaller counts.");
    return compiled;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const hint = /\(\?[=!<]|\\[1-9]/.test(pattern)
      ? " There is no look-ahead, look-behind or back-reference here: match more, and take a group of it."
      : "";
    throw new RangeError(`The pattern is not valid: ${error.message}.${hint}`, { cause: error });
  }
}
