import { definePlugin, tool } from "../../shared/plugin/index.ts";
import { convertBase } from "./base.ts";
import { evaluate } from "./evaluate.ts";
import { parse } from "./parse.ts";
import { writeNumber } from "./write.ts";

const MOST_CHARACTERS = 4_000;

const calculate = tool({
  description:
    "Works out a formula exactly, e.g. '0.1 + 0.2', '(1299 * 3) / 1.19', '15% of 80', '2^100', 'sqrt(2)', 'a = 12.5; a * 4', '9.11 > 9.9'. " +
    "Use it for every calculation instead of doing it in your head. " +
    "Functions: sqrt, cbrt, root, ln, log(x, base), log10, exp, sin, cos, tan (radians; write 30 deg for degrees), asin, acos, atan, round(x, places), floor, ceil, abs, mod, gcd, lcm, " +
    "factorial, combinations, permutations, min, max, sum, mean, median, stdev. Constants: pi, e, phi. 'exact' is false where the result had to be rounded.",
  input: {
    type: "object",
    properties: {
      expression: { type: "string", description: "The formula", minLength: 1, maxLength: MOST_CHARACTERS },
      digits: {
        type: "integer",
        description: "Digits of a result that must be rounded",
        minimum: 1,
        maximum: 100,
        default: 20,
      },
    },
    required: ["expression"],
    additionalProperties: false,
  },
  execute({ input }) {
    const value = evaluate(parse(input.expression));
    return typeof value === "boolean" ? { result: String(value), exact: true } : writeNumber(value, input.digits ?? 20);
  },
});

const convert_base = tool({
  description:
    "Writes a whole number in another number system: binary (2), octal (8), decimal (10), hexadecimal (16) or any base from 2 to 36. A 0x, 0b or 0o in front says the base by itself.",
  input: {
    type: "object",
    properties: {
      number: { type: "string", description: "The number as it is written", minLength: 1, maxLength: 1_000 },
      to: { type: "integer", description: "The base to write it in", minimum: 2, maximum: 36 },
      from: {
        type: "integer",
        description: "The base that it is written in",
        minimum: 2,
        maximum: 36,
        default: 10,
      },
    },
    required: ["number", "to"],
    additionalProperties: false,
  },
  execute({ input }) {
    return { result: convertBase(input.number, input.from ?? 10, input.to) };
  },
});

export default definePlugin({ tools: { calculate, convert_base } });
