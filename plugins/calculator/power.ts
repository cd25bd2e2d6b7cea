import { Fraction } from "fraction.js";
import { type Num, bits, bounded, Decimal, isExact, isZero, toDecimal } from "./number.ts";

const MOST_BITS = 100_000;
const MOST_ROOT = 1_000n;

/** `base ^ exponent`, exact where it is rational and of a size to be written. */
export function power(base: Num, exponent: Num): Num {
  if (isExact(base) && isExact(exponent)) {
    if (isZero(base) && exponent.s < 0n) throw new RangeError("Zero to a negative power is a division by zero.");
    const rooted = exponent.d === 1n ? base : exactRoot(base, exponent.d);
    const size = rooted === undefined ? 0 : Math.max(bits(rooted.n), bits(rooted.d));
    const isUnit = rooted?.d === 1n && rooted.n <= 1n;
    if (rooted !== undefined && (isUnit || BigInt(size) * exponent.n <= BigInt(MOST_BITS)))
      return bounded(integerPower(rooted, exponent.s * exponent.n));
  }
  const [under, over] = [toDecimal(base), toDecimal(exponent)];
  if (under.isNegative() && !over.isInteger())
    throw new RangeError("A negative number has no real power that is not a whole number.");
  return bounded(Decimal.pow(under, over));
}

/** The real root: of a negative number where `degree` is odd. */
export function root(value: Num, degree: bigint): Num {
  if (degree < 1n || degree > MOST_ROOT) throw new RangeError("A root's degree is a whole number from 1 to 1000.");
  const exact = isExact(value) ? exactRoot(value, degree) : undefined;
  if (exact !== undefined) return exact;
  const decimal = toDecimal(value);
  if (decimal.isNegative() && degree % 2n === 0n) throw new RangeError("A negative number has no real even root.");
  const size =
    degree === 2n ? Decimal.sqrt(decimal) : Decimal.pow(decimal.abs(), new Decimal(1).div(degree.toString()));
  return bounded(decimal.isNegative() ? size.neg() : size);
}

function integerPower(base: Fraction, exponent: bigint): Fraction {
  if (exponent >= 0n) return new Fraction((base.s * base.n) ** exponent, base.d ** exponent);
  return integerPower(new Fraction(base.s * base.d, base.n), -exponent);
}

/** Undefined where the root is irrational, or a negative number's even one. */
function exactRoot(value: Fraction, degree: bigint): Fraction | undefined {
  if ((value.s < 0n && degree % 2n === 0n) || degree > MOST_ROOT) return undefined;
  const [over, under] = [integerRoot(value.n, degree), integerRoot(value.d, degree)];
  return over === undefined || under === undefined ? undefined : new Fraction(value.s * over, under);
}

/** Newton's method on integers, from above; undefined where the root is none. */
function integerRoot(value: bigint, degree: bigint): bigint | undefined {
  if (value < 2n || degree === 1n) return value;
  if (bits(value) > MOST_BITS / 5) return undefined; // it would take seconds
  let guess = 1n << BigInt(Math.ceil(bits(value) / Number(degree)) + 1);
  for (;;) {
    const next = ((degree - 1n) * guess + value / guess ** (degree - 1n)) / degree;
    if (next >= guess) break;
    guess = next;
  }
  return guess ** degree === value ? guess : undefined;
}
