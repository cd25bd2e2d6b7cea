/** A formula as a tree. Nothing is worked out yet. */
export type Node =
  | { kind: "number"; text: string }
  | { kind: "name"; name: string }
  | { kind: "unary"; operator: "-" | "!" | "%"; operand: Node }
  | { kind: "binary"; operator: string; left: Node; right: Node }
  | { kind: "call"; name: string; arguments: Node[] }
  | { kind: "assign"; name: string; value: Node };

type Token = { kind: "number" | "name" | "operator" | "end"; text: string; at: number };

const MOST_DEPTH = 100;
const MOST_TOKENS = 1_000;
const NUMBER = /(?:0x[\da-f]+|0b[01]+|0o[0-7]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)/iy;
/** With thousands apart: only where a comma cannot be what stands between a function's arguments. */
const GROUPED = /\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?/y;
const NAME = /[a-z_][a-z_\d]*/iy;
const OPERATOR = /\*\*|<=|>=|==|!=|[-+*/^%!(),=<>;]/y;
const SAME: Record<string, string> = {
  "×": "*",
  "·": "*",
  "÷": "/",
  "−": "-",
  "–": "-",
  "（": "(",
  "）": ")",
  "，": ",",
  "；": ";",
  "\n": ";",
  "≤": "<=",
  "≥": ">=",
  "≠": "!=",
  π: " pi ",
  τ: " tau ",
  "√": " sqrt ",
  "°": " deg ",
  "²": "^2",
  "³": "^3",
  万: "*10000",
  亿: "*100000000",
};
/** How tight an operator binds, loosest first; `^` is to the right of all. */
const BINDING: Record<string, number> = {
  "==": 1,
  "!=": 1,
  "<": 1,
  ">": 1,
  "<=": 1,
  ">=": 1,
  "+": 2,
  "-": 2,
  "*": 3,
  "/": 3,
  mod: 3,
  of: 3,
};

/** The statements of a formula, the last of which is its result. Throws SyntaxError with the place. */
export function parse(text: string): Node[] {
  const same = text.replace(/[×·÷−–（），；\n≤≥≠πτ√°²³万亿]/g, (character) => SAME[character] ?? character);
  return new Parser(tokens(same)).statements();
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const calls: boolean[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    if (/\s/.test(text[at] ?? "")) {
      at++;
      continue;
    }
    const number = (calls.at(-1) === true ? undefined : take(GROUPED)) ?? take(NUMBER);
    const [kind, word] =
      number !== undefined
        ? (["number", number] as const)
        : take(NAME) !== undefined
          ? (["name", take(NAME) ?? ""] as const)
          : (["operator", take(OPERATOR) ?? ""] as const);
    if (word === "") throw new SyntaxError(`'${text.slice(at, at + 10)}' is not understood (character ${at + 1}).`);
    if (word === "(") calls.push(found.at(-1)?.kind === "name");
    if (word === ")") calls.pop();
    found.push({ kind, text: word === "**" ? "^" : word, at });
    if (found.length > MOST_TOKENS) throw new SyntaxError("The formula is too long. Work it out in parts.");
    at += word.length;
  }
  return found;
}

/** Precedence climbing. */
class Parser {
  readonly #tokens: Token[];
  #next = 0;
  #depth = 0;

  constructor(list: Token[]) {
    this.#tokens = list;
  }

  statements(): Node[] {
    const all: Node[] = [];
    while (this.#peek().kind !== "end") if (!this.#accept(";")) all.push(this.#statement());
    if (all.length === 0) throw new SyntaxError("There is nothing to work out.");
    return all;
  }

  #statement(): Node {
    const [name, equals] = [this.#peek(), this.#tokens[this.#next + 1]];
    if (name.kind === "name" && equals?.text === "=") {
      this.#next += 2;
      return { kind: "assign", name: name.text, value: this.#expression(0) };
    }
    const value = this.#expression(0);
    const { kind, text, at } = this.#peek();
    if (kind === "end" || text === ";") return value;
    throw new SyntaxError(`'${text}' is not expected here (character ${at + 1}).`);
  }

  #expression(least: number): Node {
    if (++this.#depth > MOST_DEPTH) throw new SyntaxError("The formula is nested too deep. Work it out in parts.");
    let left = this.#unary();
    for (;;) {
      const operator = this.#binary();
      const binding = operator === undefined ? 0 : (BINDING[operator.text] ?? 0);
      if (operator === undefined || binding <= least) break;
      if (operator.isWritten) this.#next++;
      left = { kind: "binary", operator: operator.text, left, right: this.#expression(binding) };
    }
    this.#depth--;
    return left;
  }

  /** The operator that stands here; a factor that stands right behind another is multiplied. */
  #binary(): { text: string; isWritten: boolean } | undefined {
    const { kind, text } = this.#peek();
    if (text === "%") return { text: "mod", isWritten: true }; // as a percent sign it was taken before
    if (BINDING[text] !== undefined) return { text, isWritten: true };
    if (kind === "name" || text === "(") return { text: "*", isWritten: false };
    return undefined;
  }

  #unary(): Node {
    let isNegative = false;
    while (["-", "+"].includes(this.#peek().text)) isNegative = (this.#take().text === "-") !== isNegative;
    const operand = this.#power();
    return isNegative ? { kind: "unary", operator: "-", operand } : operand;
  }

  #power(): Node {
    const base = this.#postfix();
    if (!this.#accept("^")) return base;
    if (++this.#depth > MOST_DEPTH) throw new SyntaxError("The formula is nested too deep. Work it out in parts.");
    const power = this.#unary(); // 2^-1, and 2^3^4 is 2^(3^4)
    this.#depth--;
    return { kind: "binary", operator: "^", left: base, right: power };
  }

  #postfix(): Node {
    let operand = this.#primary();
    for (;;) {
      if (this.#accept("!")) operand = { kind: "unary", operator: "!", operand };
      else if (this.#peek().text === "%" && !this.#startsOperand(this.#tokens[this.#next + 1])) {
        this.#next++;
        operand = { kind: "unary", operator: "%", operand };
      } else return operand;
    }
  }

  #startsOperand(token: Token | undefined): boolean {
    return token?.kind === "number" || (token?.kind === "name" && token.text !== "of") || token?.text === "(";
  }

  #primary(): Node {
    const token = this.#take();
    if (token.kind === "number") return { kind: "number", text: token.text };
    if (token.text === "(") return this.#closed(this.#expression(0));
    if (token.kind === "name") {
      if (this.#accept("(")) return this.#call(token.text);
      if (token.text === "sqrt") return { kind: "call", name: "sqrt", arguments: [this.#postfix()] }; // √2
      return { kind: "name", name: token.text };
    }
    const what = token.kind === "end" ? "The formula ends too early" : `'${token.text}' is not expected here`;
    throw new SyntaxError(`${what} (character ${token.at + 1}).`);
  }

  #call(name: string): Node {
    const given: Node[] = [];
    if (this.#accept(")")) return { kind: "call", name, arguments: given };
    do given.push(this.#expression(0));
    while (this.#accept(","));
    return this.#closed({ kind: "call", name, arguments: given });
  }

  #closed(node: Node): Node {
    if (this.#accept(")")) return node;
    throw new SyntaxError(`A ')' is missing (character ${this.#peek().at + 1}).`);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", text: "", at: this.#tokens.at(-1)?.at ?? 0 };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #accept(text: string): boolean {
    if (this.#peek().text !== text || this.#peek().kind !== "operator") return false;
    this.#next++;
    return true;
  }
}
