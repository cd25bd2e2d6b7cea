import { factorial, FUNCTIONS } from "./functions.ts";
import {
  compare,
  Decimal,
  fromInteger,
  modulo,
  negative,
  type Num,
  product,
  quotient,
  readNumber,
  sum,
} from "./number.ts";
import type { Node } from "./parse.ts";
import { power } from "./power.ts";

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  "<": (order) => order < 0,
  ">": (order) => order > 0,
  "<=": (order) => order <= 0,
  ">=": (order) => order >= 0,
  "==": (order) => order === 0,
  "!=": (order) => order !== 0,
};
const OPERATIONS: Readonly<Record<string, (left: Num, right: Num) => Num>> = {
  "+": sum,
  "-": (left, right) => sum(left, negative(right)),
  "*": product,
  of: product,
  "/": quotient,
  mod: modulo,
  "^": power,
};
const PI = Decimal.acos(-1);
const CONSTANTS: Readonly<Record<string, Num>> = {
  pi: PI,
  tau: PI.times(2),
  e: Decimal.exp(1),
  phi: Decimal.sqrt(5).plus(1).div(2),
  deg: PI.div(180),
};

/** The value of a formula's last statement. Throws RangeError in words for what has none. */
export function evaluate(statements: readonly Node[]): Num | boolean {
  const names = new Map<string, Num>();
  let result: Num | boolean = false;
  for (const statement of statements) {
    if (statement.kind === "assign") {
      result = valueOf(statement.value, names);
      names.set(statement.name, result);
    } else result = isComparison(statement) ? compared(statement, names) : valueOf(statement, names);
  }
  return result;
}

type Comparison = Node & { kind: "binary" };

function isComparison(node: Node): node is Comparison {
  return node.kind === "binary" && COMPARISONS[node.operator] !== undefined;
}

function compared({ operator, left, right }: Comparison, names: ReadonlyMap<string, Num>): boolean {
  return COMPARISONS[operator]?.(compare(valueOf(left, names), valueOf(right, names))) ?? false;
}

function valueOf(node: Node, names: ReadonlyMap<string, Num>): Num {
  switch (node.kind) {
    case "number":
      return readNumber(node.text);
    case "name":
      return named(node.name, names);
    case "unary": {
      const operand = valueOf(node.operand, names);
      if (node.operator === "-") return negative(operand);
      return node.operator === "!" ? factorial(operand) : quotient(operand, fromInteger(100n));
    }
    case "binary":
      return operated(node, names);
    case "call":
      return called(node.name, node.arguments, names);
    case "assign":
      break;
  }
  throw new RangeError("A name is given its value by itself: 'a = 2; a + 1'.");
}

function operated(node: Comparison, names: ReadonlyMap<string, Num>): Num {
  const operation = OPERATIONS[node.operator];
  if (operation === undefined) throw new RangeError("A comparison cannot be a part of a larger formula.");
  const left = valueOf(node.left, names);
  const right = valueOf(node.right, names);
  const isShare = node.right.kind === "unary" && node.right.operator === "%" && "+-".includes(node.operator);
  return operation(left, isShare ? product(left, right) : right); // 200 + 10% is 220, as on any pocket calculator
}

function named(name: string, names: ReadonlyMap<string, Num>): Num {
  const lower = name.toLowerCase();
  const value = names.get(name) ?? (Object.hasOwn(CONSTANTS, lower) ? CONSTANTS[lower] : undefined);
  if (value !== undefined) return value;
  if (Object.hasOwn(FUNCTIONS, lower)) throw new RangeError(`'${name}' needs what it is of: ${lower}(2).`);
  throw new RangeError(`'${name}' has no value. Give it one first: '${name} = 2; ...'.`);
}

function called(name: string, given: readonly Node[], names: ReadonlyMap<string, Num>): Num {
  const lower = name.toLowerCase();
  const known = Object.hasOwn(FUNCTIONS, lower) ? FUNCTIONS[lower] : undefined;
  if (known === undefined) {
    const factor = names.get(name) ?? (Object.hasOwn(CONSTANTS, lower) ? CONSTANTS[lower] : undefined);
    const [only] = given;
    if (factor !== undefined && only !== undefined && given.length === 1) return product(factor, valueOf(only, names));
    throw new RangeError(`There is no function '${name}'. There are: ${Object.keys(FUNCTIONS).join(", ")}.`);
  }
  const [fewest, most] = known.takes;
  if (given.length < fewest || given.length > most)
    throw new RangeError(`${lower} takes ${fewest === most ? fewest : `${fewest} to ${most}`} numbers.`);
  return known.apply(given.map((node) => valueOf(node, names)));
}
