import { choice, type Expression, grammarError, repeat, sequence, text } from "../grammar.ts";
import { regexExpression } from "../regex.ts";
import type { Facts } from "./facts.ts";
import { ALL, type JsonText, STRING } from "./text.ts";

const DATE = String.raw`\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))`;
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)`;
const LABEL = String.raw`[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?`;
const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;

/** Formats that are held to, in a form that every reading of them takes; others are annotations. */
const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  "date-time": `${DATE}T${TIME}`,
  uuid: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
  email: String.raw`[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+){0,8}@${LABEL}(?:\.${LABEL}){1,4}`,
  hostname: String.raw`${LABEL}(?:\.${LABEL}){0,6}`,
  ipv4: String.raw`${OCTET}\.${OCTET}\.${OCTET}\.${OCTET}`,
};

/** The strings that a schema allows. */
export function stringExpression(facts: Facts, json: JsonText): Expression {
  const { minLength, maxLength, patterns } = facts;
  const formats = facts.formats.filter((format) => Object.hasOwn(FORMATS, format));
  if (patterns.length + formats.length > 1) {
    throw grammarError(
      "The JSON Schema has several patterns or formats for one string. Combine them into one 'pattern'.",
    );
  }
  const [pattern] = patterns;
  const [format = ""] = formats;
  if (pattern === undefined && formats.length === 0) {
    if (minLength === 0 && maxLength === Number.POSITIVE_INFINITY) return STRING;
    return quoted(repeat(json.encode(ALL), minLength, maxLength));
  }
  const body =
    pattern === undefined
      ? regexExpression(FORMATS[format] ?? "", { match: "whole", encode: json.encode })
      : regexExpression(pattern, { match: "part", encode: json.encode });
  return quoted(withLength(body, minLength, maxLength));
}

function quoted(body: Expression): Expression {
  return sequence(text('"'), body, text('"'));
}

/**
 * `body` with bounds on its length. Where the bounds do not follow from the pattern, only a pattern that repeats single
 * characters can be held to them.
 */
function withLength(body: Expression, min: number, max: number): Expression {
  const range = lengthOf(body);
  if (range.min >= min && range.max <= max) return body;
  if (range.min > max || range.max < min) return choice([]);
  const items = body.type === "sequence" ? body.items : [body];
  const open = items.findIndex((item) => item.type === "repeat" && isSingle(item.item));
  const repeated = items[open];
  const others = items.filter((_, i) => i !== open).map(lengthOf);
  const fixed = others.reduce((total, length) => total + length.min, 0);
  if (repeated?.type !== "repeat" || others.some((length) => length.min !== length.max)) {
    throw grammarError(
      "The JSON Schema has a 'pattern' with 'minLength' or 'maxLength' that do not follow from it. Write the lengths into the pattern.",
    );
  }
  const bounded = repeat(repeated.item, Math.max(repeated.min, min - fixed), Math.min(repeated.max, max - fixed));
  if (bounded.type === "repeat" && bounded.min > bounded.max) return choice([]);
  return withLength(sequence(...items.with(open, bounded)), min, max);
}

/** Whether an expression is one character, however it is written: the parts of an encoded character are its spellings. */
function isSingle(body: Expression): boolean {
  const { min, max } = lengthOf(body);
  return min === 1 && max === 1;
}

/** Characters that an expression of encoded characters stands for, at least and at most. */
function lengthOf(body: Expression): { min: number; max: number } {
  if (body.type === "repeat") {
    const { min, max } = lengthOf(body.item);
    return { min: min * body.min, max: max === 0 ? 0 : max * body.max };
  }
  if (body.type === "sequence") {
    const lengths = body.items.map(lengthOf);
    return {
      min: lengths.reduce((total, length) => total + length.min, 0),
      max: lengths.reduce((total, length) => total + length.max, 0),
    };
  }
  if (body.type === "choice" && !isEncoded(body)) {
    const lengths = body.items.map(lengthOf);
    return { min: Math.min(...lengths.map(({ min }) => min)), max: Math.max(...lengths.map(({ max }) => max)) };
  }
  return { min: 1, max: 1 };
}

/** What JsonText.encode makes is a choice that begins with the plain characters or consists of escapes. */
function isEncoded({ items }: Extract<Expression, { type: "choice" }>): boolean {
  return items.every(
    (item, i) =>
      item.type === "text" ||
      (i === 0 && item.type === "characters") ||
      (i === items.length - 1 && isUnicodeEscape(item)),
  );
}

function isUnicodeEscape(item: Expression): boolean {
  return (
    item.type === "choice" && item.items.every((form) => form.type === "sequence" && form.items[0]?.type === "text")
  );
}
