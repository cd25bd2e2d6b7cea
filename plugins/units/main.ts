import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { findCurrencies, isCurrency } from "./currency.ts";
import { convertTo, parseQuantity, parseUnit, readNumber } from "./quantity.ts";
import { alikeUnits, type Unit, UNITS } from "./units.ts";
import { writeFraction } from "./write.ts";

const MOST_ALIKE = 40;
const YEARS = /year|month|quarter|decade|century|^mo$|^yr$/;

const convert = tool({
  description:
    "Converts an amount from one unit to another, e.g. amount 5, from 'miles', to 'km'. Units by name or symbol, in English or Chinese: 'kg', 'square feet', 'km/h', 'mpg', '°F', 'GiB', '斤', '亩'. " +
    "For parts write them in 'from' and leave 'amount' out: from '5 ft 11 in', to 'cm'. For parts in the result join units by '+': to 'ft+in'. It has no exchange rates of money.",
  input: {
    type: "object",
    properties: {
      amount: { type: "number", description: "How much; left out where 'from' holds the number" },
      from: { type: "string", description: "The unit it is in", minLength: 1, maxLength: 100 },
      to: { type: "string", description: "The unit wanted", minLength: 1, maxLength: 100 },
      digits: { type: "integer", description: "Significant digits", minimum: 1, maximum: 30, default: 10 },
    },
    required: ["from", "to"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    const { amount, from, to, digits = 10 } = input;
    if (isCurrency(from) && isCurrency(to))
      throw new RangeError("Exchange rates change every day, and there are none here. Multiply by a rate of today.");
    const parts =
      amount === undefined ? parseQuantity(from) : [{ amount: readNumber(String(amount)), unit: parseUnit(from) }];
    const targets = to.split(/\+| and |和/).map((name) => parseUnit(name));
    const isYears = [...parts.map(({ unit }) => unit), ...targets].some(({ id }) => YEARS.test(id));
    const note = isYears ? { note: "A year is counted as 365.2425 days, a month as a twelfth of it." } : {};
    const named = (unit: Unit): string => (caller.locale === "zh-CN" ? unit.zh : (unit.names[0] ?? unit.id));
    const [only] = targets;
    if (only !== undefined && targets.length === 1) {
      const { text, isExact } = writeFraction(convertTo(parts, only), digits);
      return { result: text, unit: named(only), exact: isExact, ...note };
    }
    return { result: inParts(parts, targets, digits, named), exact: false, ...note };
  },
});

/** Whole numbers of all units but the last, as `5 ft 10.87 in`. */
function inParts(
  parts: ReturnType<typeof parseQuantity>,
  targets: readonly Unit[],
  digits: number,
  named: (unit: Unit) => string,
): string {
  let rest = parts;
  return targets
    .map((unit, at) => {
      const value = convertTo(rest, unit);
      const isLast = at === targets.length - 1;
      const whole = value.s < 0n ? value.ceil() : value.floor();
      rest = [{ amount: value.sub(whole), unit }];
      return `${isLast ? writeFraction(value, Math.min(digits, 6)).text : whole.toString()} ${named(unit)}`;
    })
    .join(" ");
}

const list_units = tool({
  description: "Lists the units that a unit converts to, e.g. of 'meter'. Use it when convert does not know a unit.",
  input: {
    type: "object",
    properties: { of: { type: "string", description: "A unit of that kind", minLength: 1, maxLength: 100 } },
    required: ["of"],
    additionalProperties: false,
  },
  execute({ input, caller }) {
    const alike = alikeUnits(parseUnit(input.of), MOST_ALIKE + 1);
    const names = alike.map(({ names: own, zh, id }) => (caller.locale === "zh-CN" && zh !== "" ? zh : (own[0] ?? id)));
    return { units: names.slice(0, MOST_ALIKE), truncated: alike.length > MOST_ALIKE, all: UNITS.length };
  },
});

const currency = tool({
  description:
    "Looks up currencies: the ISO 4217 code, number, English and Chinese name, decimals and countries. The query is any of them: 'EUR', '978', 'yen', '瑞士', 'Brazil'.",
  input: {
    type: "object",
    properties: {
      query: { type: "string", description: "Code, number, name or country", minLength: 1, maxLength: 60 },
    },
    required: ["query"],
    additionalProperties: false,
  },
  execute({ input }) {
    const found = findCurrencies(input.query);
    if (found.currencies.length > 0) return found;
    throw new RangeError(`No currency in use is called '${input.query}', nor is a country. Try its English name.`);
  },
});

export default definePlugin({ tools: { convert, list_units, currency } });
