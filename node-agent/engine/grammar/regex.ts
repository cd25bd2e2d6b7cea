import {
  characters,
  choice,
  type CodePoints,
  complement,
  type Expression,
  GRAMMAR_LIMITS,
  grammarError,
  LAST_CODE_POINT,
  normalizeSet,
  repeat,
  sequence,
} from "./grammar.ts";

export interface RegexOptions {
  /** Where an unanchored pattern may match: all of a text, or a part of it as in JSON Schema. */
  match: "whole" | "part";
  /** How one character of a set is written; by default as itself. */
  encode?: (set: CodePoints) => Expression;
  /** The request's field that the pattern came in. */
  param?: string;
}

/**
 * The texts that an ECMAScript regular expression (with flag `u`) matches. Groups, classes, alternatives, repetition and anchors at
 * the ends are known; throws `invalid_request` that names anything else (assertions, references, properties).
 */
export function regexExpression(pattern: string, options: RegexOptions): Expression {
  if (pattern.length > GRAMMAR_LIMITS.patternCharacters) throw grammarError("The regular expression is too long.");
  return new RegexParser(pattern, options).parse();
}

const ANY: CodePoints = [[0, LAST_CODE_POINT]];
const LINE_ENDS: CodePoints = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const DIGITS: CodePoints = [[0x30, 0x39]];
const WORD: CodePoints = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** White space and line ends of ECMAScript. */
const SPACES: CodePoints = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const CLASS_ESCAPES: Readonly<Record<string, CodePoints>> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACES,
  S: complement(SPACES),
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, "0": 0 };
const HEX_ESCAPE = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\})/u;
const QUANTIFIER = /^(?:[*+?]|\{(\d+)(,(\d*))?\})\??/u;

class RegexParser {
  readonly #pattern: string;
  readonly #match: RegexOptions["match"];
  readonly #encode: (set: CodePoints) => Expression;
  readonly #param: string | undefined;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, options: RegexOptions) {
    this.#pattern = pattern;
    this.#match = options.match;
    this.#encode = options.encode ?? characters;
    this.#param = options.param;
  }

  parse(): Expression {
    const whole = this.#alternatives();
    if (this.#at < this.#pattern.length) throw this.#error("there is a ')' too many");
    return whole;
  }

  #alternatives(): Expression {
    if (++this.#depth > GRAMMAR_LIMITS.depth) throw this.#error("its groups are nested too deeply");
    const branches = [this.#branch()];
    while (this.#take("|")) branches.push(this.#branch());
    this.#depth--;
    return branches.length === 1 ? (branches[0] ?? choice([])) : choice(branches);
  }

  #branch(): Expression {
    const isOutermost = this.#depth === 1;
    const rest = repeat(this.#encode(ANY), 0, Number.POSITIVE_INFINITY);
    const startsAnywhere = !this.#takeAnchor("^", isOutermost) && isOutermost && this.#match === "part";
    const items: Expression[] = startsAnywhere ? [rest] : [];
    while (this.#at < this.#pattern.length && !"|)".includes(this.#peek())) {
      if (this.#peek() === "$") {
        this.#takeAnchor("$", isOutermost);
        if (this.#at < this.#pattern.length && this.#peek() !== "|") throw this.#error("something follows a '$'");
        return sequence(...items);
      }
      items.push(this.#quantified(this.#atom()));
    }
    return sequence(...items, ...(isOutermost && this.#match === "part" ? [rest] : []));
  }

  #takeAnchor(anchor: string, isOutermost: boolean): boolean {
    if (this.#peek() !== anchor) return false;
    if (!isOutermost) throw this.#error(`'${anchor}' inside a group is not supported`);
    this.#at++;
    return true;
  }

  #atom(): Expression {
    const character = this.#peek();
    if (character === "(") return this.#group();
    if (character === "[") return this.#encode(this.#class());
    if (character === "\\") return this.#encode(this.#escape());
    if ("*+?^".includes(character)) throw this.#error(`'${character}' has nothing before it to apply to`);
    this.#at += character.length;
    if (character === ".") return this.#encode(complement(LINE_ENDS));
    return this.#encode(single(character));
  }

  #group(): Expression {
    const opening = /^\((?:\?(?::|<[A-Za-z_$][\w$]*>|.?.?))?/u.exec(this.#rest())?.[0] ?? "(";
    if (opening !== "(" && opening !== "(?:" && !opening.endsWith(">")) {
      throw this.#error("look-around and flags in groups are not supported");
    }
    this.#at += opening.length;
    const body = this.#alternatives();
    if (!this.#take(")")) throw this.#error("a ')' is missing");
    return body;
  }

  #quantified(atom: Expression): Expression {
    const quantifier = QUANTIFIER.exec(this.#rest());
    if (quantifier === null) return atom;
    const [all, least, comma, most] = quantifier;
    this.#at += all.length;
    if ("*+?".includes(this.#peek()) && this.#peek() !== "") throw this.#error("two quantifiers follow each other");
    const infinite = Number.POSITIVE_INFINITY;
    if (least === undefined) return repeat(atom, all.startsWith("+") ? 1 : 0, all.startsWith("?") ? 1 : infinite);
    const min = Number(least);
    const max = comma === undefined ? min : most === undefined || most === "" ? infinite : Number(most);
    if (max < min) throw this.#error("a quantifier's numbers are out of order");
    return repeat(atom, min, max);
  }

  #class(): CodePoints {
    this.#at++;
    const isNegated = this.#take("^");
    const ranges: [number, number][] = [];
    while (!this.#take("]")) {
      if (this.#at >= this.#pattern.length) throw this.#error("a ']' is missing");
      const from = this.#classItem();
      const [only] = from;
      const isRange =
        this.#peek() === "-" && this.#at + 1 < this.#pattern.length && this.#pattern[this.#at + 1] !== "]";
      if (!isRange || only === undefined || from.length > 1 || only[0] !== only[1]) {
        ranges.push(...from.map(([first, last]): [number, number] => [first, last]));
        continue;
      }
      this.#at++;
      const [to] = this.#classItem();
      if (to === undefined || to[0] !== to[1] || to[0] < only[0])
        throw this.#error("a range in a class is out of order");
      ranges.push([only[0], to[0]]);
    }
    return isNegated ? complement(ranges) : normalizeSet(ranges);
  }

  #classItem(): CodePoints {
    if (this.#pattern.startsWith("\\b", this.#at)) {
      this.#at += 2;
      return [[8, 8]];
    }
    if (this.#peek() === "\\") return this.#escape();
    const character = this.#peek();
    this.#at += character.length;
    return single(character);
  }

  #escape(): CodePoints {
    const hex = HEX_ESCAPE.exec(this.#rest());
    if (hex !== null) {
      this.#at += hex[0].length;
      const point = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? "", 16);
      if (point > LAST_CODE_POINT) throw this.#error("a code point is out of range");
      return [[point, point]];
    }
    this.#at++;
    const name = this.#peek();
    this.#at += name.length;
    const set = Object.hasOwn(CLASS_ESCAPES, name) ? CLASS_ESCAPES[name] : undefined;
    if (set !== undefined) return set;
    const control = Object.hasOwn(CONTROL_ESCAPES, name) ? CONTROL_ESCAPES[name] : undefined;
    if (control !== undefined) return [[control, control]];
    if (name === "" || /[A-Za-z1-9]/u.test(name)) throw this.#error(`'\\${name}' is not supported`);
    return single(name);
  }

  /** The next character; "" at the end. */
  #peek(): string {
    const point = this.#pattern.codePointAt(this.#at);
    return point === undefined ? "" : String.fromCodePoint(point);
  }

  #rest(): string {
    return this.#pattern.slice(this.#at, this.#at + 64);
  }

  #take(expected: string): boolean {
    if (!this.#pattern.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #error(what: string): Error {
    const pattern = this.#pattern.length > 100 ? `${this.#pattern.slice(0, 100)}…` : this.#pattern;
    return grammarError(`The regular expression '${pattern}' cannot be used: ${what}.`, this.#param);
  }
}

function single(character: string): CodePoints {
  const point = character.codePointAt(0) ?? 0;
  return [[point, point]];
}
