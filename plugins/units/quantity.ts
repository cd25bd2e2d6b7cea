import { Fraction } from "fraction.js";
import { dimensionKey, findUnit, multiplied, ONE, raised, type Unit, UNITS } from "./units.ts";

export interface Quantity {
  amount: Fraction;
  unit: Unit;
}

const NUMBER = /[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?(?:\/\d+)?/iy;
const TERM =
  /^(?<number>\d+(?:\.\d+)?)?\s*(?<before>square |cubic |sq\.? |cu\.? |平方|立方)?(?<name>.*?)(?:\^?(?<power>-?\d)|(?<sign>[²³])|(?<after> squared| cubed))?$/u;
const POWERS: Readonly<Record<string, number>> = { "²": 2, "³": 3, s: 2, c: 3, 平: 2, 立: 3 };
const MOST_TERMS = 12;

/** `5 ft 11 in`, `3.5斤`, `60 km/h`; a unit alone is one of it. Throws RangeError in words. */
export function parseQuantity(text: string): Quantity[] {
  const found: Quantity[] = [];
  let rest = text.trim();
  while (rest !== "") {
    NUMBER.lastIndex = 0;
    const number = NUMBER.exec(rest)?.[0];
    if (number === undefined && found.length > 0) throw new RangeError(`'${rest}' has no number before it.`);
    const after = rest.slice(number?.length ?? 0).trim();
    const next = /(?<=[^\d\s/^*·-])\s*(?:and|,)?\s+(?=\d)/.exec(after); // '6 ft 2 in', not 'L/100 km'
    const isNext = next !== null && findUnit(after.slice(0, next.index).trim()) !== undefined;
    const name = isNext ? after.slice(0, next.index) : after;
    rest = isNext ? after.slice(next.index + next[0].length) : "";
    if (name.trim() === "") throw new RangeError(`Which unit is '${text}' in? Write it behind the number.`);
    found.push({ amount: number === undefined ? ONE : readNumber(number), unit: parseUnit(name.trim()) });
    if (found.length > MOST_TERMS) throw new RangeError("These are too many parts.");
  }
  if (found.length === 0) throw new RangeError("There is nothing to convert.");
  return found;
}

export function readNumber(text: string): Fraction {
  const [plain = "0", under] = text.replace(/,/g, "").split("/");
  if (under !== undefined && /^0+$/.test(under)) throw new RangeError("Nothing can be divided by zero.");
  const [mantissa = "0", exponent = "0"] = plain.toLowerCase().split("e");
  const ten = new Fraction(10n ** BigInt(Math.abs(Number(exponent))), 1n);
  const value = new Fraction(mantissa.replace(/\.$/, "")).mul(Number(exponent) < 0 ? ten.inverse() : ten);
  return under === undefined ? value : value.div(under);
}

/** A unit by name, symbol or as a product: `km/h`, `N·m`, `kg/m³`, `meters per second squared`. */
export function parseUnit(text: string): Unit {
  const plain = text.trim().replace(/\s+/g, " ");
  const known = findUnit(plain);
  if (known !== undefined) return known;
  const [over = "", ...under] = plain.split(/\s*\/\s*| per |每/);
  const parts = [...product(over, 1), ...under.flatMap((part) => product(part, -1))];
  if (parts.length === 0 || parts.length > MOST_TERMS) throw unknown(plain);
  return { ...multiplied(parts), names: [plain], zh: plain, id: plain };
}

function product(text: string, sign: number): Unit[] {
  if (text === "" || text === "1") return [];
  const whole = term(text, sign);
  if (whole !== undefined) return [whole];
  const parts = text.split(/\s*[·*×⋅.]\s*|[ -]/).filter(Boolean);
  if (parts.length < 2 || parts.length > MOST_TERMS) throw unknown(text);
  return parts.map((part) => term(part, sign) ?? raise(part));
}

function term(text: string, sign: number): Unit | undefined {
  const known = findUnit(text);
  if (known !== undefined) return raised(known, sign);
  const { number, before, name = "", power, sign: small, after } = TERM.exec(text)?.groups ?? {};
  const unit = findUnit(name.trim());
  if (unit === undefined) return undefined;
  const exponent = Number(power ?? POWERS[small ?? after?.trim()[0] ?? before?.[0] ?? ""] ?? 1);
  const result = raised(unit, exponent * sign);
  if (number === undefined) return result;
  const many = readNumber(number);
  return { ...result, offset: undefined, factor: result.factor.mul(sign < 0 ? many.inverse() : many) };
}

function raise(text: string): never {
  throw unknown(text);
}

function unknown(text: string): RangeError {
  const start = text.toLowerCase().slice(0, 3);
  const near = UNITS.flatMap(({ names }) => names.filter((name) => name.toLowerCase().startsWith(start)).slice(0, 1));
  const hint = near.length > 0 ? ` Did you mean ${near.slice(0, 5).join(", ")}?` : " list_units tells which there are.";
  return new RangeError(`'${text.slice(0, 60)}' is not a unit that is known here.${hint}`);
}

/** The quantity in another unit. Throws RangeError where the two measure different things. */
export function convertTo(parts: readonly Quantity[], to: Unit): Fraction {
  const [first] = parts;
  if (first === undefined) throw new RangeError("There is nothing to convert.");
  for (const { unit } of parts)
    if (dimensionKey(unit) !== dimensionKey(first.unit)) throw new RangeError("The parts measure different things.");
  const inBase = parts
    .map(({ amount, unit }) => amount.mul(unit.factor).add(unit.offset ?? 0))
    .reduce((left, right) => left.add(right));
  if (dimensionKey(first.unit) === dimensionKey(to)) return inBase.sub(to.offset ?? 0).div(to.factor);
  // Miles per gallon and litres per 100 km
  if (dimensionKey(first.unit, -1) === dimensionKey(to) && inBase.n !== 0n) return inBase.inverse().div(to.factor);
  throw new RangeError(`${first.unit.id} and ${to.id} measure different things and do not convert.`);
}
