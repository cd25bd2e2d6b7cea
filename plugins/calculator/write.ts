import type { Fraction } from "fraction.js";
import { type Decimal, isExact, type Num, toDecimal } from "./number.ts";

/** Digits that are written out: more are no use to a model or a person. */
const MOST_DIGITS = 300;
const MOST_DECIMALS = 60;
const MOST_FRACTION = 80;

export interface WrittenNumber {
  result: string;
  /** Whether `result` is the value itself, not a rounded one. */
  exact: boolean;
  /** The value itself, where its decimals never end. */
  fraction?: string;
  /** Of a whole number that is too long to be written out. */
  digits?: number;
}

export function writeNumber(value: Num, digits: number): WrittenNumber {
  if (!isExact(value)) return { result: rounded(value, digits), exact: false };
  if (value.d === 1n) {
    const text = (value.s * value.n).toString();
    const length = value.n.toString().length;
    if (length <= MOST_DIGITS) return { result: text, exact: true };
    return { result: rounded(toDecimal(value), Math.max(digits, 30)), exact: false, digits: length };
  }
  const decimals = exactDecimals(value);
  if (decimals !== undefined) return { result: decimals, exact: true };
  const fraction = `${value.s < 0n ? "-" : ""}${value.n}/${value.d}`;
  const result = rounded(toDecimal(value), digits);
  return fraction.length > MOST_FRACTION ? { result, exact: false } : { result, exact: false, fraction };
}

function rounded(value: Decimal, digits: number): string {
  const short = value.toSignificantDigits(digits);
  return short.e > 40 || short.e < -20 ? short.toExponential() : short.toFixed();
}

/** All decimals, where they end soon: where the denominator has no prime factor but 2 and 5. */
function exactDecimals(value: Fraction): string | undefined {
  let [rest, places] = [value.d, 0];
  for (; rest % 10n === 0n; rest /= 10n) places++;
  for (; rest % 5n === 0n; rest /= 5n) places++;
  for (; rest % 2n === 0n; rest /= 2n) places++;
  if (rest !== 1n || places > MOST_DECIMALS) return undefined;
  const scaled = ((value.n * 10n ** BigInt(places)) / value.d).toString().padStart(places + 1, "0");
  if (scaled.length > MOST_DIGITS) return undefined;
  const decimals = scaled.slice(-places).replace(/0+$/, "");
  return `${value.s < 0n ? "-" : ""}${scaled.slice(0, -places)}.${decimals}`;
}
