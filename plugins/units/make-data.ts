/** Writes data.json from Unicode's packages: `node plugins/units/make-data.ts`, after they have a new version. */
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Fraction } from "fraction.js";
import { FACTORS, MORE, PREFIXES, SYMBOLS } from "./by-hand.ts";

/* oxlint-disable no-underscore-dangle, typescript/no-unnecessary-type-parameters -- Unicode's own names, and what its files are */
interface CldrUnit {
  _baseUnit: string;
  _factor?: string;
  _offset?: string;
  _systems: string[];
}
interface CldrNames {
  displayName?: string;
  "unitPattern-count-one"?: string;
  "unitPattern-count-other"?: string;
}
type Widths = Record<"long" | "short" | "narrow", Record<string, CldrNames>>;

/** Unicode's files are as their version says: a wrong type ends this script, and nothing else. */
function load<T>(name: string): T {
  return JSON.parse(readFileSync(createRequire(import.meta.url).resolve(name), "utf8")) as T;
}

const { unitConstants, convertUnits } = load<{
  supplemental: {
    unitConstants: Partial<Record<string, { _value: string }>>;
    convertUnits: Partial<Record<string, CldrUnit>>;
  };
}>("cldr-core/supplemental/units.json").supplemental;
const names = (["en", "zh"] as const).map((locale): Widths => {
  const file = load<{ main: Record<string, { units: Widths }> }>(`cldr-units-full/main/${locale}/units.json`);
  return file.main[locale]?.units ?? { long: {}, short: {}, narrow: {} };
});
const currency = load<{
  supplemental: {
    currencyData: {
      fractions: Partial<Record<string, { _digits: string }>>;
      region: Record<string, Record<string, { _to?: string; _tender?: string }>[]>;
    };
  };
}>("cldr-core/supplemental/currencyData.json").supplemental.currencyData;
const { codeMappings } = load<{ supplemental: { codeMappings: Record<string, { _numeric?: string }> } }>(
  "cldr-core/supplemental/codeMappings.json",
).supplemental;

const PI = new Fraction(31415926535897932384626433832795n, 10n ** 31n);
/** Calendars have no year of a fixed length: the Gregorian one's mean. */
const YEAR_SECONDS = new Fraction(31_556_952n, 1n);

type Size = { factor: Fraction; dimensions: Map<string, number> };

/** One '/' at most, which everything behind it is under. */
function constant(expression: string): Fraction {
  const [over = "1", under] = expression.split("/");
  const part = (text: string): Fraction =>
    text
      .split("*")
      .map(one)
      .reduce((left, right) => left.mul(right));
  return under === undefined ? part(over) : part(over).div(part(under));
}

function one(text: string): Fraction {
  const name = text.trim();
  if (name === "PI") return PI;
  const known = unitConstants[name];
  if (known !== undefined) return constant(known._value);
  const [mantissa = "", exponent = "0"] = name.split(/e/i);
  const ten = new Fraction(10n ** BigInt(Math.abs(Number(exponent))), 1n);
  return Number(exponent) < 0 ? new Fraction(mantissa).div(ten) : new Fraction(mantissa).mul(ten);
}

const POWERS: Record<string, number> = { square: 2, cubic: 3, pow4: 4 };

/** An identifier such as `kilogram-square-meter-per-cubic-second`. */
function sizeOf(id: string): Size {
  const more = MORE.find(([own]) => own === id);
  if (more !== undefined) return times(sizeOf(more[1]), constant(more[2]));
  const own = convertUnits[id];
  if (id === "year") return { factor: YEAR_SECONDS, dimensions: new Map([["second", 1]]) };
  if (own !== undefined) {
    const factor = FACTORS[id] ?? own._factor;
    const base =
      own._baseUnit === id ? { factor: new Fraction(1), dimensions: new Map([[id, 1]]) } : sizeOf(own._baseUnit);
    return factor === undefined ? base : times(base, constant(factor));
  }
  const [over = "", under] = id.split(/-?per-/);
  if (under !== undefined) {
    const [top, bottom] = [
      over === "" ? { factor: new Fraction(1), dimensions: new Map() } : sizeOf(over),
      sizeOf(under),
    ];
    return joined(top, bottom, -1);
  }
  if (/^1e\d+$|^100$/.test(id)) return { factor: one(id), dimensions: new Map() };
  const parts = id.split("-");
  for (let end = parts.length; end > 0; end--) {
    const head = parts.slice(0, end).join("-");
    const rest = parts.slice(end).join("-");
    const power = POWERS[head];
    if (power !== undefined) {
      for (let until = parts.length; until > end; until--) {
        const size = simple(parts.slice(end, until).join("-"));
        if (size === undefined) continue;
        const raised = joined({ factor: new Fraction(1), dimensions: new Map() }, size, power);
        return until === parts.length ? raised : joined(raised, sizeOf(parts.slice(until).join("-")), 1);
      }
    }
    const size = simple(head);
    if (size !== undefined) return rest === "" ? size : joined(size, sizeOf(rest), 1);
  }
  throw new Error(`What is '${id}'?`);
}

function simple(id: string): Size | undefined {
  if (convertUnits[id] !== undefined || id === "100" || id === "1e6" || id === "1e9") return sizeOf(id);
  const [found] = PREFIXES.flatMap(([[name = ""], power]) =>
    id.startsWith(name) && convertUnits[id.slice(name.length)] !== undefined ? [{ name, power }] : [],
  );
  if (found === undefined) return undefined;
  const ten = new Fraction(10n ** BigInt(Math.abs(found.power)), 1n);
  return times(sizeOf(id.slice(found.name.length)), found.power < 0 ? ten.inverse() : ten);
}

function times(size: Size, factor: Fraction): Size {
  return { factor: size.factor.mul(factor), dimensions: size.dimensions };
}

function joined(left: Size, right: Size, power: number): Size {
  const dimensions = new Map(left.dimensions);
  for (const [name, exponent] of right.dimensions) dimensions.set(name, (dimensions.get(name) ?? 0) + power * exponent);
  return { factor: left.factor.mul(right.factor.pow(power) ?? 1), dimensions };
}

function namesOf(key: string): [string[], string[]] {
  const [en = [], zh = []] = names.map((units) =>
    (["long", "short", "narrow"] as const).flatMap((width) => {
      const {
        displayName,
        "unitPattern-count-one": single,
        "unitPattern-count-other": plural,
      } = units[width][key] ?? {};
      return [single, plural, displayName].flatMap((text) =>
        text === undefined ? [] : [text.replace("{0}", "").trim()],
      );
    }),
  );
  return [[...new Set(en)], [...new Set(zh)]];
}

const SKIPPED =
  /coordinateUnit|per$|times$|^power\d$|^10|beaufort|generic|ofglucose|gasoline|karat$|duration-night|pinch|volume-drop$|dessert-spoon-imperial|-person|kilowatt-hour-per-100/;
const units: unknown[] = [];
const taken = new Set<string>();
function add(id: string, quantity: string, en: string[], zh: string[]): void {
  const { factor, dimensions } = sizeOf(id);
  const free = (name: string): boolean => !taken.has(name) && taken.add(name) !== undefined;
  const byHand = SYMBOLS[id] ?? [];
  const key = [...dimensions]
    .filter(([, power]) => power !== 0)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, power]) => `${name}${power === 1 ? "" : power}`)
    .join(" ");
  const offset = convertUnits[id]?._offset;
  const written = [
    `${factor.s * factor.n}/${factor.d}`,
    ...(offset === undefined ? [] : [constant(offset).toFraction()]),
  ];
  const isPrefixable = convertUnits[id]?._systems.includes("prefixable") === true || id === "kilogram";
  const own = [...byHand, ...en, ...zh].filter((name, at) => name !== "" && (at < byHand.length || free(name)));
  units.push({
    id,
    quantity,
    dimensions: key,
    size: written,
    names: own,
    zh: zh[0] ?? "",
    ...(isPrefixable && id !== "kilogram" ? { prefixable: true } : {}),
  });
}

for (const list of Object.values(SYMBOLS)) for (const name of list) taken.add(name);
const keys = Object.keys(names[0]?.long ?? {}).filter((key) => key.includes("-") && !SKIPPED.test(key));
for (const key of keys) {
  const quantity = key.slice(0, key.indexOf("-"));
  const id = key.slice(key.indexOf("-") + 1);
  add(id, quantity, ...namesOf(key));
}
for (const [id, , , en, zh] of MORE) add(id, "", en, zh);

const currencies: Record<string, [number, number, string]> = {};
const countries = new Map<string, string[]>();
for (const [country, list] of Object.entries(currency.region))
  for (const entry of list)
    for (const [code, { _to, _tender }] of Object.entries(entry))
      if (_to === undefined && _tender !== "false") countries.set(code, [...(countries.get(code) ?? []), country]);
for (const [code, { _numeric }] of Object.entries(codeMappings)) {
  const digits = Number((currency.fractions[code] ?? currency.fractions["DEFAULT"])?._digits ?? 2);
  const where = countries.get(code);
  if (/^[A-Z]{3}$/.test(code) && _numeric !== undefined && where !== undefined)
    currencies[code] = [Number(_numeric), digits, where.toSorted().join(" ")];
}

const lines = units.map((unit) => `    ${JSON.stringify(unit)}`).join(",\n");
const money = Object.entries(currencies).map(([code, row]) => `    ${JSON.stringify(code)}: ${JSON.stringify(row)}`);
writeFileSync(
  new URL("data.json", import.meta.url),
  `{\n  "units": [\n${lines}\n  ],\n  "currencies": {\n${money.join(",\n")}\n  }\n}\n`,
);
