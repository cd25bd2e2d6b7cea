import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { FILE, TEXT, textOf } from "../shared/picked.ts";
import { cut } from "../shared/text.ts";
import { compile } from "./pattern.ts";
import { findAll, replaceAll } from "./search.ts";

const MOST_BYTES = 4_000_000;
const MOST_SHOWN = 20_000;
const MOST_RESULT = 16_000_000;

const PATTERN = {
  type: "string",
  description: "The regular expression, e.g. '(\\d{4})-(\\d{2})' or '(?<user>\\S+)@(?<host>\\S+)'",
  minLength: 1,
  maxLength: 2_000,
} as const;
const IGNORE_CASE = { type: "boolean", description: "Whether capitals do not matter", default: false } as const;
const LONG_TEXT = { ...TEXT, maxLength: 500_000 } as const;

const find = tool({
  description:
    "Finds all matches of a regular expression in a text or a picked file, with their groups and lines. Use it to extract dates, numbers, addresses or fields. ^ and $ are the ends of lines.",
  input: {
    type: "object",
    properties: {
      pattern: PATTERN,
      text: LONG_TEXT,
      file: FILE,
      ignore_case: IGNORE_CASE,
      limit: { type: "integer", description: "How many matches are shown", minimum: 1, maximum: 200, default: 50 },
    },
    required: ["pattern"],
    additionalProperties: false,
  },
  async execute(context) {
    const { pattern, ignore_case = false, limit = 50 } = context.input;
    return findAll(compile(pattern, ignore_case), await textOf(context, MOST_BYTES), limit);
  },
});

const replace = tool({
  description:
    "Replaces all matches of a regular expression in a text or a picked file. In the replacement $1 or $<name> is a group, $& the whole match. The file itself stays as it is: the new text is the result.",
  input: {
    type: "object",
    properties: {
      pattern: PATTERN,
      replacement: { type: "string", description: "What stands there instead", maxLength: 2_000 },
      text: LONG_TEXT,
      file: FILE,
      ignore_case: IGNORE_CASE,
    },
    required: ["pattern", "replacement"],
    additionalProperties: false,
  },
  async execute(context) {
    const { pattern, replacement, ignore_case = false } = context.input;
    const source = await textOf(context, MOST_BYTES);
    const compiled = compile(pattern, ignore_case);
    const { count } = findAll(compiled, source, 0);
    const groups = replacement.split("$").length - 1; // of one match after the other, each at most the whole text in all
    if (source.length + count * replacement.length + groups * source.length > MOST_RESULT)
      throw new RangeError("The result would be too large. Replace in a smaller text.");
    const { text } = replaceAll(compiled, source, replacement);
    return { text: cut(text, MOST_SHOWN), count, characters: text.length, truncated: text.length > MOST_SHOWN };
  },
});

export default definePlugin({ tools: { find, replace } });
