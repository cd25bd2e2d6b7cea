import {
  characters,
  choice,
  type CodePoints,
  complement,
  EMPTY,
  type Expression,
  intersection,
  LAST_CODE_POINT,
  optional,
  repeat,
  rule,
  sequence,
  text,
} from "../grammar.ts";

const infinite = Number.POSITIVE_INFINITY;
export const ALL: CodePoints = [[0, LAST_CODE_POINT]];
/** Characters that a JSON string may hold as they are. */
export const LITERAL: CodePoints = complement([
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);
/** What has to be escaped, and how. */
const ESCAPED: readonly (readonly [point: number, escape: string])[] = [
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x08, "\\b"],
  [0x0c, "\\f"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
];
const hex = characters([
  [0x30, 0x39],
  [0x41, 0x46],
  [0x61, 0x66],
]);
const anyOf = (letters: string): Expression =>
  characters(Array.from(letters, (c) => [c.charCodeAt(0), c.charCodeAt(0)]));

/** `\uXXXX` of any character; half a surrogate pair is not one. */
const unicodeEscape = choice([
  sequence(text("\\u"), anyOf("0123456789abcefABCEF"), hex, hex, hex),
  sequence(text("\\u"), anyOf("dD"), anyOf("01234567"), hex, hex),
  sequence(text("\\u"), anyOf("dD"), anyOf("89abAB"), hex, hex, text("\\u"), anyOf("dD"), anyOf("cdefCDEF"), hex, hex),
]);

/**
 * JSON's parts as expressions. `isInCall` is for JSON between the tags of a tool call: a string there never spells the beginning
 * `</` of the closing tag; it is written `<\/`.
 */
export interface JsonText {
  /** One character of a set inside of a string. */
  readonly encode: (set: CodePoints) => Expression;
  /** A string of characters of any kind. */
  readonly string: Expression;
  /** JSON of exactly this value, but for white space. */
  readonly literal: (value: unknown) => Expression;
}

export function createJsonText(isInCall: boolean): JsonText {
  const literal: CodePoints = isInCall ? intersection(LITERAL, complement([[0x3c, 0x3c]])) : LITERAL;
  const encode = (set: CodePoints): Expression => {
    const has = (point: number): boolean => set.some(([first, last]) => first <= point && point <= last);
    const isAll = set.length === 1 && set[0]?.[0] === 0 && set[0][1] === LAST_CODE_POINT;
    const short = ESCAPED.filter(([point]) => has(point)).map(([, escape]) => text(escape));
    const slash = has(0x2f) ? [text("\\/")] : [];
    const shortPoints = new Set(ESCAPED.map(([point]) => point));
    const controls = Array.from({ length: 32 }, (_, point) => point).filter(
      (point) => has(point) && !shortPoints.has(point),
    );
    const angle = isInCall && has(0x3c) ? [0x3c] : [];
    const long = isAll ? [unicodeEscape] : [...controls, ...angle].map((point) => text(longEscape(point)));
    const plain = intersection(set, literal);
    return choice([...(plain.length === 0 ? [] : [characters(plain)]), ...short, ...slash, ...long]);
  };
  // A `<` that no `/` follows.
  const openAngles = repeat(text("<"), 1, infinite);
  const afterAngle = choice([
    characters(intersection(literal, complement([[0x2f, 0x2f]]))),
    ...ESCAPED.map(([, escape]) => text(escape)),
    text("\\/"),
    unicodeEscape,
  ]);
  const body = repeat(isInCall ? choice([encode(ALL), sequence(openAngles, afterAngle)]) : encode(ALL), 0, infinite);
  const tail = isInCall ? optional(openAngles) : EMPTY;
  const literalOf = (value: unknown): Expression => {
    if (Array.isArray(value)) return delimited("[", value.map(literalOf), "]");
    if (typeof value === "object" && value !== null) {
      const members = Object.entries(value).map(([name, member]) => sequence(key(name), literalOf(member)));
      return delimited("{", members, "}");
    }
    const json = JSON.stringify(value);
    return text(isInCall ? json.replaceAll("</", "<\\/") : json);
  };
  const key = (name: string): Expression => sequence(literalOf(name), text(":"), WS);
  return { encode, string: sequence(text('"'), body, tail, text('"')), literal: literalOf };
}

function longEscape(point: number): string {
  return `\\u${point.toString(16).padStart(4, "0")}`;
}

/** The rules that every JSON grammar shares. */
export const WS = rule("ws");
export const STRING = rule("string");
export const NUMBER = rule("number");
export const ANY_VALUE = rule("any");
export const ANY_OBJECT = rule("any-object");
export const ANY_ARRAY = rule("any-array");

const digit = characters([[0x30, 0x39]]);
const nonZero = characters([[0x31, 0x39]]);
/** As many digits as a double keeps; a model that goes on with digits for ever is stopped by it. */
const MAX_DIGITS = 15;
export const INTEGER = sequence(
  optional(text("-")),
  choice([text("0"), sequence(nonZero, repeat(digit, 0, MAX_DIGITS - 1))]),
);

/** Two digits of exponent: no number of this kind is infinite as a double. */
const number = sequence(
  INTEGER,
  optional(sequence(text("."), repeat(digit, 1, MAX_DIGITS))),
  optional(sequence(anyOf("eE"), optional(anyOf("+-")), repeat(digit, 1, 2))),
);

/** @param json the parts of the JSON that the rules are for */
export function sharedRules(json: JsonText): [string, Expression][] {
  const member = sequence(STRING, text(":"), WS, ANY_VALUE);
  const words = ["true", "false", "null"].map(text);
  return [
    // Bounded: a model that only indents would never come to an end.
    ["ws", optional(choice([text(" "), sequence(text("\n"), repeat(anyOf(" \t"), 0, 64))]))],
    ["string", json.string],
    ["number", number],
    ["any", choice([ANY_OBJECT, ANY_ARRAY, STRING, NUMBER, ...words])],
    ["any-object", list("{", member, "}")],
    ["any-array", list("[", ANY_VALUE, "]")],
  ];
}

/** Any number of items between brackets. */
function list(open: string, item: Expression, close: string): Expression {
  const more = repeat(sequence(text(","), WS, item), 0, infinite);
  return bracketed(open, optional(sequence(item, more)), close);
}

export function bracketed(open: string, content: Expression, close: string): Expression {
  return sequence(text(open), WS, content, WS, text(close));
}

function delimited(open: string, items: readonly Expression[], close: string): Expression {
  const content = items.flatMap((item, i) => (i === 0 ? [item] : [text(","), WS, item]));
  return bracketed(open, sequence(...content), close);
}
