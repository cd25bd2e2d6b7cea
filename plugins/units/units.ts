import { Fraction } from "fraction.js";
import { BINARY_PREFIXES, PREFIXES } from "./by-hand.ts";
import data from "./data.json" with { type: "json" };

/** What one of a unit is in base units, exactly. */
export interface Unit {
  names: readonly string[];
  zh: string;
  factor: Fraction;
  /** What its zero is in the base unit: of temperatures alone. */
  offset: Fraction | undefined;
  /** Powers of base units, as `kilogram meter second-2`; a key that says what converts to what. */
  dimensions: ReadonlyMap<string, number>;
  isPrefixable: boolean;
  id: string;
}

export const ONE = new Fraction(1);
const NO_NUMBER: Unit = {
  names: [],
  zh: "",
  factor: ONE,
  offset: undefined,
  dimensions: new Map(),
  isPrefixable: false,
  id: "",
};

export const UNITS: readonly Unit[] = data.units.map(({ id, names, zh, size, dimensions, prefixable }) => ({
  id,
  names,
  zh,
  factor: new Fraction(size[0] ?? 1),
  offset: size[1] === undefined ? undefined : new Fraction(size[1]),
  dimensions: new Map(
    dimensions
      .split(" ")
      .filter(Boolean)
      .map((part) => {
        const [, name = "", power = "1"] = /^(\D*?)(-?\d+)?$/.exec(part) ?? [];
        return [name, Number(power)] as const;
      }),
  ),
  isPrefixable: prefixable === true,
}));

const BY_NAME = new Map<string, Unit>();
const BY_LOWER = new Map<string, Unit[]>();
for (const unit of UNITS)
  for (const name of [...unit.names, unit.id]) {
    if (!BY_NAME.has(name)) BY_NAME.set(name, unit);
    const lower = name.toLowerCase();
    const known = BY_LOWER.get(lower) ?? [];
    if (!known.includes(unit)) BY_LOWER.set(lower, [...known, unit]);
  }

/** One unit by its name or symbol, with a prefix or without. Throws RangeError where two differ by case alone. */
export function findUnit(name: string): Unit | undefined {
  const exact = BY_NAME.get(name) ?? prefixed(name);
  if (exact !== undefined) return exact;
  const lower = name.toLowerCase();
  const [unit, other] = BY_LOWER.get(lower) ?? BY_LOWER.get(lower.replace(/s$/, "")) ?? [];
  if (unit !== undefined && other !== undefined)
    throw new RangeError(`'${name}' may be ${unit.id} or ${other.id}. Write the name out.`);
  return unit ?? prefixed(lower);
}

function prefixed(name: string): Unit | undefined {
  const all = [
    ...PREFIXES.map(([names, power]) => [names, 10n, power] as const),
    ...BINARY_PREFIXES.map(([names, power]) => [names, 2n, power] as const),
  ];
  for (const [names, base, power] of all)
    for (const prefix of names) {
      const unit = name.startsWith(prefix) ? BY_NAME.get(name.slice(prefix.length)) : undefined;
      const size = new Fraction(base ** BigInt(Math.abs(power)), 1n);
      if (unit?.isPrefixable === true && (base === 10n || unit.dimensions.has("bit")))
        return {
          ...unit,
          factor: unit.factor.mul(power < 0 ? size.inverse() : size),
          id: name,
          zh: name,
          names: [name],
        };
    }
  return undefined;
}

export function raised(unit: Unit, power: number): Unit {
  const dimensions = new Map([...unit.dimensions].map(([name, own]) => [name, own * power]));
  return { ...unit, factor: unit.factor.pow(power) ?? ONE, offset: power === 1 ? unit.offset : undefined, dimensions };
}

/** Their product. An offset is lost: 20 °C per minute is a difference. */
export function multiplied(units: readonly Unit[]): Unit {
  const [only] = units;
  if (only !== undefined && units.length === 1) return only;
  return units.reduce((left, right) => {
    const dimensions = new Map(left.dimensions);
    for (const [name, power] of right.dimensions) {
      const sum = (dimensions.get(name) ?? 0) + power;
      if (sum === 0) dimensions.delete(name);
      else dimensions.set(name, sum);
    }
    return { ...left, offset: undefined, factor: left.factor.mul(right.factor), dimensions };
  }, NO_NUMBER);
}

export function dimensionKey({ dimensions }: Unit, sign = 1): string {
  return [...dimensions]
    .filter(([, power]) => power !== 0)
    .map(([name, power]) => `${name}${power * sign}`)
    .toSorted()
    .join(" ");
}

/** Units that this one converts to, the common ones first. */
export function alikeUnits(unit: Unit, most: number): Unit[] {
  const key = dimensionKey(unit);
  return UNITS.filter((other) => dimensionKey(other) === key).slice(0, most);
}
