import { characters, choice, EMPTY, type Expression, NOTHING, optional, repeat, sequence, text } from "../grammar.ts";

/** Inclusive or not, and possibly infinite. */
export interface NumberRange {
  readonly min: number;
  readonly isMinExclusive: boolean;
  readonly max: number;
  readonly isMaxExclusive: boolean;
}

const INTEGER_DIGITS = 15;
/** Digits before the point where a side has no bound. */
const OPEN_DIGITS = 9;
/** All digits that a double tells apart. */
const DOUBLE_DIGITS = 15;
const MAX_FRACTION_DIGITS = 6;

const digitRange = (first: number, last: number): Expression =>
  first > last ? NOTHING : characters([[0x30 + first, 0x30 + last]]);
const anyDigits = (min: number, max: number): Expression => repeat(digitRange(0, 9), min, max);

/** The integers of a range, of at most 15 digits. */
export function integersIn(range: NumberRange): Expression {
  return decimalsIn(range, 0, INTEGER_DIGITS);
}

/** The decimals of a range with at most `fractionDigits` digits after the point, few enough that a double keeps them apart. */
export function numbersIn(range: NumberRange, fractionDigits = MAX_FRACTION_DIGITS): Expression {
  const bounds = [range.min, range.max].filter(Number.isFinite).map((bound) => Math.trunc(Math.abs(bound)));
  const digits = Math.max(1, ...bounds.map((bound) => String(bound).length));
  const isOpen = bounds.length < 2;
  const before = isOpen ? Math.max(OPEN_DIGITS, digits) : digits;
  return decimalsIn(range, Math.max(0, Math.min(fractionDigits, DOUBLE_DIGITS - before)), before);
}

const TEN = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/** The integers of at most 15 digits that `divisor` divides; a rule for each remainder and number of digits. */
export function multiplesOf(divisor: number, fresh: (body: Expression) => Expression): Expression {
  // Digit by digit, with the remainder so far (Horner's scheme); from the last digit to the first.
  let later: Expression[] = Array.from({ length: divisor }, (_, remainder) => (remainder === 0 ? EMPTY : NOTHING));
  for (let digits = 1; digits < INTEGER_DIGITS; digits++) {
    const next = later;
    later = next.map((_, remainder) => {
      const more = TEN.map((digit) =>
        sequence(text(String(digit)), next[(remainder * 10 + digit) % divisor] ?? NOTHING),
      );
      return fresh(choice(remainder === 0 ? [EMPTY, ...more] : more));
    });
  }
  const starts = Array.from({ length: 9 }, (_, i) =>
    sequence(text(String(i + 1)), later[(i + 1) % divisor] ?? NOTHING),
  );
  return choice([text("0"), sequence(optional(text("-")), choice(starts))]);
}

function decimalsIn(range: NumberRange, fractionDigits: number, digits: number): Expression {
  const unit = 10n ** BigInt(fractionDigits);
  const most = 10n ** BigInt(digits) * unit - 1n;
  const low = Number.isFinite(range.min) ? scaled(range.min, fractionDigits, "up", range.isMinExclusive) : -most;
  const high = Number.isFinite(range.max) ? scaled(range.max, fractionDigits, "down", range.isMaxExclusive) : most;
  const clampedLow = low < -most ? -most : low;
  const clampedHigh = high > most ? most : high;
  const parts: Expression[] = [];
  if (clampedLow < 0n) {
    const last = clampedHigh < 0n ? -clampedHigh : 1n;
    if (last <= -clampedLow) parts.push(sequence(text("-"), unsigned(last, -clampedLow, fractionDigits)));
  }
  const first = clampedLow > 0n ? clampedLow : 0n;
  if (first <= clampedHigh) parts.push(unsigned(first, clampedHigh, fractionDigits));
  return choice(parts);
}

/** `value` in units of 10^-fractionDigits, rounded into the range; one unit further when the bound is exclusive and met. */
function scaled(value: number, fractionDigits: number, inward: "up" | "down", isExclusive: boolean): bigint {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  const power = Number(exponent) - fraction.length + fractionDigits;
  const digits = BigInt(whole.replace("-", "") + fraction) * (value < 0 ? -1n : 1n);
  const step = inward === "up" ? 1n : -1n;
  if (power >= 0) return digits * 10n ** BigInt(power) + (isExclusive ? step : 0n);
  const divisor = 10n ** BigInt(-power);
  const quotient = digits / divisor;
  const remainder = digits % divisor;
  if (remainder === 0n) return quotient + (isExclusive ? step : 0n);
  // Division rounds towards 0.
  const floor = remainder < 0n ? quotient - 1n : quotient;
  return inward === "up" ? floor + 1n : floor;
}

/** Decimals from `low` to `high`, both >= 0, in units of 10^-places. */
function unsigned(low: bigint, high: bigint, places: number): Expression {
  const [lowWhole, lowFraction] = split(low, places);
  const [highWhole, highFraction] = split(high, places);
  if (lowWhole === highWhole) return sequence(text(String(lowWhole)), fractionBetween(lowFraction, highFraction));
  const parts = [sequence(text(String(lowWhole)), fractionBetween(lowFraction, "9".repeat(places)))];
  if (lowWhole + 1n <= highWhole - 1n) {
    parts.push(
      sequence(wholeBetween(lowWhole + 1n, highWhole - 1n), fractionBetween("0".repeat(places), "9".repeat(places))),
    );
  }
  parts.push(sequence(text(String(highWhole)), fractionBetween("0".repeat(places), highFraction)));
  return choice(parts);
}

function split(value: bigint, places: number): [whole: bigint, fraction: string] {
  const unit = 10n ** BigInt(places);
  return [value / unit, places === 0 ? "" : String(value % unit).padStart(places, "0")];
}

/** Whole numbers by their length, then digit by digit. */
function wholeBetween(low: bigint, high: bigint): Expression {
  const parts: Expression[] = [];
  for (let length = String(low).length; length <= String(high).length; length++) {
    const first = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const last = 10n ** BigInt(length) - 1n;
    parts.push(digitsBetween(String(low > first ? low : first), String(high < last ? high : last)));
  }
  return choice(parts);
}

/** Digit strings of one length between two of that length. */
function digitsBetween(low: string, high: string): Expression {
  const rest = low.length - 1;
  if (rest < 0) return EMPTY;
  if (/^0*$/u.test(low) && /^9*$/u.test(high)) return anyDigits(low.length, low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  if (first === last) return sequence(text(String(first)), digitsBetween(low.slice(1), high.slice(1)));
  return choice([
    sequence(text(String(first)), digitsBetween(low.slice(1), "9".repeat(rest))),
    sequence(digitRange(first + 1, last - 1), anyDigits(rest, rest)),
    sequence(text(String(last)), digitsBetween("0".repeat(rest), high.slice(1))),
  ]);
}

/** The point and digits after it between two fractions of as many places; nothing where 0 is between them. */
function fractionBetween(low: string, high: string): Expression {
  if (low === "") return EMPTY;
  const fraction = sequence(text("."), placesBetween(low, high));
  return isZero(low) ? optional(fraction) : fraction;
}

/** One or more digits, at most as many as the bounds have, which are between them when zeros are added. */
function placesBetween(low: string, high: string): Expression {
  const rest = low.length - 1;
  if (isZero(low) && /^9*$/u.test(high)) return anyDigits(1, low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  const after = (restLow: string, restHigh: string): Expression => {
    if (restLow === "") return EMPTY;
    const more = placesBetween(restLow, restHigh);
    return isZero(restLow) ? optional(more) : more;
  };
  if (first === last) return sequence(text(String(first)), after(low.slice(1), high.slice(1)));
  return choice([
    sequence(text(String(first)), after(low.slice(1), "9".repeat(rest))),
    sequence(digitRange(first + 1, last - 1), anyDigits(0, rest)),
    sequence(text(String(last)), after("0".repeat(rest), high.slice(1))),
  ]);
}

function isZero(digits: string): boolean {
  return /^0*$/u.test(digits);
}
