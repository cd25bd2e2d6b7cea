import { Decimal as AnyDecimal } from "decimal.js";
import { Fraction } from "fraction.js";

/** Of numbers that had to be rounded: more digits than anybody is shown, so that rounding does not add up to a wrong one. */
export const Decimal = AnyDecimal.clone({ precision: 130, maxE: 9e12, minE: -9e12 });
export type Decimal = AnyDecimal;
/** Exact, as long as its size lets it be. */
export type Num = Fraction | Decimal;

/** Past these a number is rounded: a fraction's common factors are costly to find. */
const MOST_INTEGER_BITS = 100_000;
const MOST_FRACTION_BITS = 16_000;
/** A literal such as 1e4000 is still an exact integer. */
const MOST_EXACT_EXPONENT = 5_000;

export function isExact(value: Num): value is Fraction {
  return value instanceof Fraction;
}

export function bits(value: bigint): number {
  return value.toString(16).length * 4;
}

/** The same number, rounded if it has become too large to keep exact. Throws RangeError past what can be written at all. */
export function bounded(value: Num): Num {
  if (!isExact(value)) {
    if (value.isNaN()) throw new RangeError("This has no real value.");
    if (!value.isFinite()) throw new RangeError("The number is too large to be written down.");
    return value;
  }
  const isSmall =
    value.d === 1n ? bits(value.n) <= MOST_INTEGER_BITS : bits(value.n) + bits(value.d) <= MOST_FRACTION_BITS;
  return isSmall ? value : toDecimal(value);
}

export function toDecimal(value: Num): Decimal {
  if (!isExact(value)) return value;
  return new Decimal((value.s * value.n).toString()).div(value.d.toString());
}

/** A literal: `12.5`, `1_000`, `1,234.50`, `6.02e23`, `0xff`. */
export function readNumber(literal: string): Num {
  const text = literal.replace(/[_,]/g, "").toLowerCase();
  if (/^0[xbo]/.test(text)) return bounded(new Fraction(BigInt(text), 1n));
  const [, digits = "", exponent = "0"] = /^([\d.]+)(?:e([+-]?\d+))?$/.exec(text) ?? [];
  const power = Number(exponent);
  if (Math.abs(power) > MOST_EXACT_EXPONENT) return bounded(new Decimal(text));
  const [whole = "", decimals = ""] = digits.split(".");
  const shift = power - decimals.length;
  const numerator = BigInt(`${whole}${decimals}`) * 10n ** BigInt(Math.max(0, shift));
  return new Fraction(numerator, 10n ** BigInt(Math.max(0, -shift)));
}

export function fromInteger(value: bigint): Num {
  return bounded(new Fraction(value, 1n));
}

export function sum(left: Num, right: Num): Num {
  return bounded(isExact(left) && isExact(right) ? left.add(right) : toDecimal(left).plus(toDecimal(right)));
}

export function product(left: Num, right: Num): Num {
  return bounded(isExact(left) && isExact(right) ? left.mul(right) : toDecimal(left).times(toDecimal(right)));
}

export function quotient(left: Num, right: Num): Num {
  if (isZero(right)) throw new RangeError("Nothing can be divided by zero.");
  return bounded(isExact(left) && isExact(right) ? left.div(right) : toDecimal(left).div(toDecimal(right)));
}

export function negative(value: Num): Num {
  return isExact(value) ? value.neg() : value.neg();
}

export function isZero(value: Num): boolean {
  return isExact(value) ? value.n === 0n : value.isZero();
}

/** Below 0 where the left one is less. */
export function compare(left: Num, right: Num): number {
  return isExact(left) && isExact(right) ? left.compare(right) : toDecimal(left).cmp(toDecimal(right));
}

/** The remainder that has the divisor's sign. */
export function modulo(left: Num, right: Num): Num {
  if (isZero(right)) throw new RangeError("Nothing can be divided by zero.");
  if (isExact(left) && isExact(right)) {
    const rest = left.mod(right);
    return rest.n !== 0n && rest.s !== right.s ? rest.add(right) : rest;
  }
  throw new RangeError("A remainder is only found of numbers that are exact.");
}

/** An exact integer. Throws RangeError, naming what must be one. */
export function wholeNumber(value: Num | undefined, what: string): bigint {
  if (value !== undefined && isExact(value) && value.d === 1n) return value.s * value.n;
  throw new RangeError(`${what} must be a whole number.`);
}
