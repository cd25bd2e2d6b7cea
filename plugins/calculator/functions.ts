import { Fraction } from "fraction.js";
import {
  bounded,
  compare,
  Decimal,
  fromInteger,
  isExact,
  isZero,
  modulo,
  negative,
  type Num,
  product,
  quotient,
  sum,
  toDecimal,
  wholeNumber,
} from "./number.ts";
import { root } from "./power.ts";

export interface MathFunction {
  /** Fewest and most arguments. */
  takes: readonly [number, number];
  apply: (values: Num[]) => Num;
}

const MOST_FACTORIAL = 8_000n;
const MANY = 500;
const ZERO = fromInteger(0n);

/** Values past this have no sine that this many digits could tell. */
const MOST_ANGLE = new Decimal("1e60");
const MOST_HYPERBOLIC = new Decimal(1_000_000);

const one = (apply: (value: Num) => Num): MathFunction => ({ takes: [1, 1], apply: ([value = ZERO]) => apply(value) });
const two = (apply: (left: Num, right: Num) => Num): MathFunction => ({
  takes: [2, 2],
  apply: ([left = ZERO, right = ZERO]) => apply(left, right),
});
const many = (apply: (values: Num[]) => Num): MathFunction => ({ takes: [1, MANY], apply });

/** A function of real numbers that is rounded unless its value is 0 at 0. */
function real(apply: (value: Decimal) => Decimal, most = new Decimal("9e9999")): MathFunction {
  return one((value) => {
    if (toDecimal(value).abs().gt(most)) throw new RangeError(`The number is too large: ${most.toString()} at most.`);
    const result = bounded(apply(toDecimal(value)));
    return !isExact(result) && result.isZero() ? ZERO : result;
  });
}

export const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  abs: one((value) => (compare(value, ZERO) < 0 ? negative(value) : value)),
  sign: one((value) => fromInteger(BigInt(Math.sign(compare(value, ZERO))))),
  floor: one((value) => (isExact(value) ? value.floor() : value.floor())),
  ceil: one((value) => (isExact(value) ? value.ceil() : value.ceil())),
  trunc: one((value) => (isExact(value) ? fromInteger((value.s * value.n) / value.d) : value.trunc())),
  round: { takes: [1, 2], apply: ([value = ZERO, places = ZERO]) => round(value, places) },
  sqrt: one((value) => root(value, 2n)),
  cbrt: one((value) => root(value, 3n)),
  root: two((value, degree) => root(value, wholeNumber(degree, "A root's degree"))),
  exp: real((value) => value.exp()),
  ln: real(logarithm),
  log: { takes: [1, 2], apply: ([value = ZERO, base]) => log(value, base) },
  log10: one((value) => log(value, fromInteger(10n))),
  log2: one((value) => log(value, fromInteger(2n))),
  sin: real((value) => value.sin(), MOST_ANGLE),
  cos: real((value) => value.cos(), MOST_ANGLE),
  tan: real((value) => value.tan(), MOST_ANGLE),
  asin: real((value) => value.asin()),
  acos: real((value) => value.acos()),
  atan: real((value) => value.atan()),
  atan2: two((y, x) => bounded(Decimal.atan2(toDecimal(y), toDecimal(x)))),
  sinh: real((value) => value.sinh(), MOST_HYPERBOLIC),
  cosh: real((value) => value.cosh(), MOST_HYPERBOLIC),
  tanh: real((value) => value.tanh(), MOST_HYPERBOLIC),
  mod: two(modulo),
  gcd: many((values) => fromInteger(values.map(anInteger).reduce(commonDivisor))),
  lcm: many((values) => fromInteger(values.map(anInteger).reduce(commonMultiple))),
  factorial: one(factorial),
  combinations: two((all, chosen) => choose(all, chosen)),
  permutations: two((all, chosen) => product(choose(all, chosen), factorial(chosen))),
  min: many((values) => values.reduce((least, value) => (compare(value, least) < 0 ? value : least))),
  max: many((values) => values.reduce((most, value) => (compare(value, most) > 0 ? value : most))),
  sum: many((values) => values.reduce(sum)),
  product: many((values) => values.reduce(product)),
  mean: many(mean),
  median: many(median),
  variance: many(variance),
  stdev: many((values) => root(variance(values), 2n)),
};

/** Half goes away from zero, as people round money. */
function round(value: Num, places: Num): Num {
  const wanted = Number(wholeNumber(places, "The number of places"));
  if (Math.abs(wanted) > 1_000) throw new RangeError("At most 1000 places can be kept.");
  if (!isExact(value)) return wanted < 0 ? scaled(value, wanted) : value.toDecimalPlaces(wanted, Decimal.ROUND_HALF_UP);
  const unit = new Fraction(10n).pow(Math.abs(wanted));
  if (unit === null) throw new RangeError("At most 1000 places can be kept.");
  const steps = wanted < 0 ? value.abs().div(unit) : value.abs().mul(unit);
  const whole = (2n * steps.n + steps.d) / (2n * steps.d);
  const rounded = new Fraction(value.s * whole, 1n);
  return wanted < 0 ? rounded.mul(unit) : rounded.div(unit);
}

function scaled(value: Decimal, places: number): Decimal {
  const unit = new Decimal(10).pow(-places);
  return value.div(unit).toDecimalPlaces(0, Decimal.ROUND_HALF_UP).times(unit);
}

function logarithm(value: Decimal): Decimal {
  if (value.lte(0)) throw new RangeError("Only a number above zero has a logarithm.");
  return value.ln();
}

/** Natural without a base, as in mathematics; exact where it is a whole number. */
function log(value: Num, base: Num | undefined): Num {
  if (compare(value, ZERO) <= 0) throw new RangeError("Only a number above zero has a logarithm.");
  if (base === undefined) return bounded(logarithm(toDecimal(value)));
  if (compare(base, ZERO) <= 0 || compare(base, fromInteger(1n)) === 0)
    throw new RangeError("A logarithm's base is above zero and not 1.");
  const result = logarithm(toDecimal(value)).div(logarithm(toDecimal(base)));
  const whole = result.round();
  const isWhole = result.minus(whole).abs().lt("1e-100") && whole.abs().lt(100_000);
  return isWhole && isExact(value) && isExact(base) ? fromInteger(BigInt(whole.toFixed())) : bounded(result);
}

function anInteger(value: Num): bigint {
  const whole = wholeNumber(value, "Each number");
  return whole < 0n ? -whole : whole;
}

function commonDivisor(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

function commonMultiple(left: bigint, right: bigint): bigint {
  return left === 0n || right === 0n ? 0n : (left / commonDivisor(left, right)) * right;
}

export function factorial(value: Num): Num {
  const whole = wholeNumber(value, "What has a factorial");
  if (whole < 0n) throw new RangeError("A negative number has no factorial.");
  if (whole > MOST_FACTORIAL)
    throw new RangeError(`Factorials are worked out up to ${MOST_FACTORIAL}!. ${sizeOfFactorial(value)}`);
  let result = 1n;
  for (let factor = 2n; factor <= whole; factor++) result *= factor;
  return fromInteger(result);
}

/** Stirling: what a person may want to know of a number that nobody writes down. */
function sizeOfFactorial(value: Num): string {
  const n = toDecimal(value);
  const digits = n.ln().minus(1).times(n).div(Decimal.ln(10)).toSignificantDigits(6);
  return `This one has about ${digits.toString()} digits.`;
}

function choose(all: Num, chosen: Num): Num {
  const [n, k] = [wholeNumber(all, "The number of things"), wholeNumber(chosen, "The number chosen")];
  if (n < 0n || k < 0n) throw new RangeError("Neither number may be negative.");
  if (k > n) return ZERO;
  const least = k < n - k ? k : n - k;
  if (least > MOST_FACTORIAL) throw new RangeError(`At most ${MOST_FACTORIAL} of them can be chosen.`);
  let result = 1n;
  for (let step = 1n; step <= least; step++) result = (result * (n - least + step)) / step;
  return fromInteger(result);
}

function mean(values: Num[]): Num {
  return quotient(values.reduce(sum), fromInteger(BigInt(values.length)));
}

function median(values: Num[]): Num {
  const sorted = values.toSorted(compare);
  const [low = ZERO, high = ZERO] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return quotient(sum(low, high), fromInteger(2n));
}

/** Of a sample: divided by one less than their number. */
function variance(values: Num[]): Num {
  if (values.length < 2) throw new RangeError("A variance needs two numbers or more.");
  const middle = mean(values);
  const squares = values.map((value) => {
    const distance = sum(value, negative(middle));
    return product(distance, distance);
  });
  const total = squares.reduce(sum);
  return isZero(total) ? ZERO : quotient(total, fromInteger(BigInt(values.length - 1)));
}
