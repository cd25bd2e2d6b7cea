import {
  characters,
  choice,
  type CodePoints,
  complement,
  type Expression,
  type Grammar,
  GRAMMAR_LIMITS,
  grammarError,
  LAST_CODE_POINT,
  normalizeSet,
  repeat,
  rule,
  sequence,
  text,
} from "./grammar.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*/u;
const BRACES = /^\{\s*(\d+)?\s*(,)?\s*(\d+)?\s*\}/u;
const ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  "\\": 92,
  '"': 34,
  "'": 39,
  "[": 91,
  "]": 93,
  "-": 45,
  "^": 94,
  "/": 47,
};
const HEX = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/u;

/**
 * Reads a grammar in GBNF, llama.cpp's notation of EBNF: rules `name ::= ...` with the first named `root`; "text", [classes], `.`,
 * (groups), `|`, `*`, `+`, `?`, {m,n}, # comments. A rule goes on over line ends while it is open or the next line begins with `|`.
 * Throws `invalid_request` with the line of what is wrong.
 */
export function parseGbnf(source: string): Grammar {
  if (source.length > GRAMMAR_LIMITS.sourceCharacters) throw grammarError("The grammar is too long.");
  return new GbnfParser(source).parse();
}

class GbnfParser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Grammar {
    const rules = new Map<string, Expression>();
    this.#skip(true);
    while (this.#at < this.#source.length) {
      const name = this.#name();
      if (name === null) throw this.#error("a rule's name is missing");
      this.#skip(false);
      if (!this.#take("::=")) throw this.#error(`'::=' is missing after '${name}'`);
      this.#skip(true);
      const body = this.#alternatives(false);
      if (this.#at < this.#source.length && !/[\r\n]/u.test(this.#source.slice(this.#lineEnd, this.#at))) {
        throw this.#error("a line end is missing");
      }
      if (rules.has(name)) throw this.#error(`there are two rules named '${name}'`);
      rules.set(name, body);
    }
    if (!rules.has("root")) throw this.#error("there is no rule named 'root'");
    return { root: "root", rules };
  }

  /** Where the last token ended: a line end after it ends a rule. */
  #lineEnd = 0;

  #alternatives(isNested: boolean): Expression {
    if (++this.#depth > GRAMMAR_LIMITS.depth) throw this.#error("groups are nested too deeply");
    const branches = [this.#sequence(isNested)];
    for (;;) {
      const before = this.#at;
      this.#skip(true);
      if (!this.#take("|")) {
        this.#lineEnd = before;
        break;
      }
      this.#skip(true);
      branches.push(this.#sequence(isNested));
    }
    this.#depth--;
    return branches.length === 1 ? (branches[0] ?? choice([])) : choice(branches);
  }

  #sequence(isNested: boolean): Expression {
    const items: Expression[] = [];
    for (;;) {
      const element = this.#element();
      if (element === null) return sequence(...items);
      items.push(this.#quantified(element));
      this.#skip(isNested);
    }
  }

  #element(): Expression | null {
    if (this.#take("(")) {
      this.#skip(true);
      const body = this.#alternatives(true);
      this.#skip(true);
      if (!this.#take(")")) throw this.#error("a ')' is missing");
      return body;
    }
    if (this.#take('"')) return this.#text();
    if (this.#take("[")) return characters(this.#class());
    if (this.#take(".")) return characters([[0, LAST_CODE_POINT]]);
    const name = this.#name();
    return name === null ? null : rule(name);
  }

  #quantified(element: Expression): Expression {
    let item = element;
    for (let count = 0; ; count++) {
      if (count > 8) throw this.#error("too many quantifiers follow each other");
      if (this.#take("*")) item = repeat(item, 0, Number.POSITIVE_INFINITY);
      else if (this.#take("+")) item = repeat(item, 1, Number.POSITIVE_INFINITY);
      else if (this.#take("?")) item = repeat(item, 0, 1);
      else {
        const braces = BRACES.exec(this.#rest());
        if (braces === null) return item;
        const [all, least, comma, most] = braces;
        if (least === undefined && most === undefined) throw this.#error("a repetition has no number");
        this.#at += all.length;
        const min = Number(least ?? 0);
        const max = comma === undefined ? min : most === undefined ? Number.POSITIVE_INFINITY : Number(most);
        if (max < min) throw this.#error("a repetition's numbers are out of order");
        item = repeat(item, min, max);
      }
    }
  }

  #text(): Expression {
    let value = "";
    while (!this.#take('"')) value += String.fromCodePoint(this.#character('"'));
    return text(value);
  }

  #class(): CodePoints {
    const isNegated = this.#take("^");
    const ranges: [number, number][] = [];
    while (!this.#take("]")) {
      const first = this.#character("]");
      const isRange = this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      const last = isRange ? this.#character("]") : first;
      if (last < first) throw this.#error("a range in a class is out of order");
      ranges.push([first, last]);
    }
    return isNegated ? complement(ranges) : normalizeSet(ranges);
  }

  /** One character of a text or class, escapes resolved. */
  #character(closing: string): number {
    const hex = HEX.exec(this.#rest());
    if (hex !== null) {
      this.#at += hex[0].length;
      const point = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? "", 16);
      if (point > LAST_CODE_POINT || (point >= 0xd800 && point <= 0xdfff))
        throw this.#error("a code point is out of range");
      return point;
    }
    if (this.#take("\\")) {
      const name = this.#source.charAt(this.#at++);
      const point = Object.hasOwn(ESCAPES, name) ? ESCAPES[name] : undefined;
      if (point === undefined) throw this.#error(`the escape '\\${name}' is not known`);
      return point;
    }
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined || point === 0x0a) throw this.#error(`a '${closing}' is missing`);
    this.#at += point > 0xffff ? 2 : 1;
    return point;
  }

  #name(): string | null {
    const name = NAME.exec(this.#source.slice(this.#at, this.#at + 256))?.[0];
    if (name === undefined) return null;
    this.#at += name.length;
    return name;
  }

  /** Skips blanks and comments, and line ends too where a rule cannot end. */
  #skip(linesToo: boolean): void {
    for (;;) {
      const character = this.#source[this.#at];
      if (character === "#") {
        while (this.#at < this.#source.length && this.#source[this.#at] !== "\n") this.#at++;
      } else if (character === " " || character === "\t" || (linesToo && (character === "\n" || character === "\r"))) {
        this.#at++;
      } else return;
    }
  }

  #rest(): string {
    return this.#source.slice(this.#at, this.#at + 64);
  }

  #take(expected: string): boolean {
    if (!this.#source.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  #error(what: string): Error {
    const line = this.#source.slice(0, this.#at).split("\n").length;
    return grammarError(`The grammar cannot be read: ${what} (line ${line}).`);
  }
}
