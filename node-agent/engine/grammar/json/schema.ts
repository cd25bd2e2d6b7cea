import { GrammarAutomaton } from "../automaton.ts";
import { choice, type Expression, type Grammar, GRAMMAR_LIMITS, grammarError, rule, text } from "../grammar.ts";
import { regexExpression } from "../regex.ts";
import { type Alternative, Alternatives } from "./alternatives.ts";
import { arrayExpression } from "./array-schema.ts";
import {
  type Conjunction,
  type Facts,
  factsOf,
  hasType,
  JSON_TYPES,
  type JsonType,
  type SchemaObject,
} from "./facts.ts";
import { integersIn, multiplesOf, numbersIn } from "./number-range.ts";
import { objectExpression } from "./object-schema.ts";
import { stringExpression } from "./string-schema.ts";
import { ANY_ARRAY, ANY_VALUE, createJsonText, INTEGER, type JsonText, NUMBER, sharedRules } from "./text.ts";

/** Largest divisor that is followed digit by digit: each of its remainders is a rule for each digit. */
const MAX_DIVISOR = 200;
/** Numbers that are written out one by one. */
const MAX_MULTIPLES = 1_000;

/** Schemas converted inside of each other: every one takes some frames of the stack. */
const MAX_DEPTH = 500;

/** JSON of any object: OpenAI's JSON mode. */
export function jsonObjectGrammar(): Grammar {
  return { root: "any-object", rules: new Map(sharedRules(createJsonText(false))) };
}

/** The JSON texts that a schema allows, or some of them where it allows more than a grammar can tell; never others. */
export function jsonSchemaGrammar(schema: boolean | SchemaObject): Grammar {
  const rules = new Map<string, Expression>();
  const converter = new SchemaConverter(schema, rules, { isInCall: false, prefix: "" });
  rules.set("root", converter.convert([schema]));
  return { root: "root", rules };
}

/**
 * Translates one JSON Schema document (drafts 4 to 2020-12) into rules of a grammar. What it writes is always valid; a keyword it
 * cannot hold a text to throws `invalid_request` by name. Where a schema leaves something open, it chooses what a program would
 * expect: properties in order, no unnamed ones unless the schema mentions them, numbers that a double holds.
 */
export class SchemaConverter {
  readonly json: JsonText;
  readonly isInCall: boolean;
  readonly #alternatives: Alternatives;
  readonly #rules: Map<string, Expression>;
  readonly #prefix: string;
  readonly #ids = new WeakMap<SchemaObject, number>();
  #nextId = 0;
  #nextRule = 0;
  #depth = 0;

  /** @param rules gets the rules @param options.prefix of the rules' names; documents that share rules need different ones */
  constructor(
    document: boolean | SchemaObject,
    rules: Map<string, Expression>,
    options: { isInCall: boolean; prefix: string },
  ) {
    this.json = createJsonText(options.isInCall);
    this.isInCall = options.isInCall;
    this.#alternatives = new Alternatives(document);
    this.#rules = rules;
    this.#prefix = options.prefix;
    for (const [name, body] of sharedRules(this.json)) rules.set(name, body);
  }

  /** The rule for values that satisfy all of some schemas. */
  convert(conjunction: Conjunction): Expression {
    if (conjunction.every((schema) => schema === true)) return ANY_VALUE;
    const key = conjunction.map((schema) => (typeof schema === "boolean" ? schema : this.#idOf(schema)));
    const name = `${this.#prefix}s${[...new Set(key.map(String))].toSorted((a, b) => (a < b ? -1 : 1)).join("+")}`;
    if (this.#rules.has(name)) return rule(name);
    this.#define(name, choice([])); // A schema that contains itself finds its own rule.
    if (++this.#depth > MAX_DEPTH)
      throw grammarError("The JSON Schema's schemas refer to each other in too long a chain.");
    const alternatives = this.#alternatives.of(conjunction);
    this.#rules.set(name, choice(alternatives.map((alternative) => this.#alternative(alternative))));
    this.#depth--;
    return rule(name);
  }

  /** A new rule. */
  fresh(body: Expression): Expression {
    const name = `${this.#prefix}r${this.#nextRule++}`;
    this.#define(name, body);
    return rule(name);
  }

  /** The values that a conjunction allows, if it names them; else null. */
  valuesOf(conjunction: Conjunction): readonly unknown[] | null {
    const values: unknown[] = [];
    for (const alternative of this.#alternatives.of(conjunction)) {
      const facts = factsOf(alternative);
      const isBoolean = facts.types !== null && [...facts.types].every((type) => type === "boolean");
      if (facts.values === null && !isBoolean) return null;
      values.push(...(facts.values === null ? [false, true] : this.#allowedValues(facts)));
    }
    return values;
  }

  /** Whether a pattern, as JSON Schema means it, matches some text. */
  matches(pattern: string, value: string): boolean {
    const body = regexExpression(pattern, { match: "part" });
    const automaton = new GrammarAutomaton({ root: "root", rules: new Map([["root", body]]) });
    return automaton.nextAll(automaton.start, utf8.encode(value))?.accepts ?? false;
  }

  #idOf(schema: SchemaObject): number {
    const id = this.#ids.get(schema) ?? this.#nextId++;
    this.#ids.set(schema, id);
    return id;
  }

  #define(name: string, body: Expression): void {
    if (this.#rules.size >= GRAMMAR_LIMITS.rules) throw grammarError("The JSON Schema is too large. Make it smaller.");
    this.#rules.set(name, body);
  }

  #alternative(alternative: Alternative): Expression {
    const facts = factsOf(alternative);
    if (facts.values !== null) return choice(this.#allowedValues(facts).map((value) => this.json.literal(value)));
    const types = [...(facts.types ?? impliedTypes(facts))];
    // Every integer is a number: one of the two would be read twice.
    const distinct = types.filter((type) => type !== "integer" || !types.includes("number"));
    return choice(distinct.map((type) => this.#ofType(type, facts)));
  }

  #ofType(type: JsonType, facts: Facts): Expression {
    switch (type) {
      case "object":
        return objectExpression(facts, this);
      case "array":
        return facts.arrays.length === 0 ? ANY_ARRAY : arrayExpression(facts, this);
      case "string":
        return stringExpression(facts, this.json);
      case "integer":
      case "number":
        return this.#number(facts, type === "integer");
      case "boolean":
        return choice([text("true"), text("false")]);
      case "null":
        break;
    }
    return text("null");
  }

  #number(facts: Facts, isInteger: boolean): Expression {
    const { min, isMinExclusive, max, isMaxExclusive, divisors } = facts;
    const range = { min, isMinExclusive, max, isMaxExclusive };
    const isFree = min === Number.NEGATIVE_INFINITY && max === Number.POSITIVE_INFINITY;
    const [divisor] = divisors;
    if (divisor === undefined) {
      if (isInteger) return isFree ? INTEGER : integersIn(range);
      return isFree ? NUMBER : numbersIn(range);
    }
    const isWhole = divisors.length === 1 && Number.isInteger(divisor);
    if (isWhole && divisor === 1) return isFree ? INTEGER : integersIn(range);
    if (isWhole && isFree && divisor <= MAX_DIVISOR) {
      return multiplesOf(divisor, (body) => this.fresh(body));
    }
    if (isWhole && Number.isSafeInteger(min) && Number.isSafeInteger(max) && (max - min) / divisor <= MAX_MULTIPLES) {
      return choice(multiplesBetween(range, divisor).map((value) => this.json.literal(value)));
    }
    throw grammarError(
      `The JSON Schema keyword 'multipleOf' is supported for one whole number up to ${MAX_DIVISOR}, without bounds or with close ones.`,
    );
  }

  /** Of `enum` and `const`, the values that the other keywords allow too. */
  #allowedValues(facts: Facts): unknown[] {
    const typed = (facts.values ?? []).filter((value) => hasType(value, facts.types));
    return typed.filter((value) => {
      if (typeof value === "number") return isInRange(value, facts);
      if (typeof value === "string") {
        const length = Array.from(value).length;
        if (length < facts.minLength || length > facts.maxLength) return false;
        return facts.patterns.every((pattern) => this.matches(pattern, value));
      }
      if (typeof value !== "object" || value === null) return true;
      if ((Array.isArray(value) ? facts.arrays : facts.objects).length === 0) return true;
      throw grammarError(
        "The JSON Schema has keywords for objects or arrays beside an 'enum' or 'const' of some. Leave them out.",
      );
    });
  }
}

function isInRange(value: number, facts: Facts): boolean {
  const isAbove = facts.isMinExclusive ? value > facts.min : value >= facts.min;
  const isBelow = facts.isMaxExclusive ? value < facts.max : value <= facts.max;
  return isAbove && isBelow && facts.divisors.every((divisor) => value % divisor === 0);
}

function multiplesBetween(
  range: { min: number; isMinExclusive: boolean; max: number; isMaxExclusive: boolean },
  divisor: number,
): number[] {
  const values: number[] = [];
  for (let value = Math.ceil(range.min / divisor) * divisor; value <= range.max; value += divisor) {
    if (!(range.isMinExclusive && value === range.min) && !(range.isMaxExclusive && value === range.max))
      values.push(value);
  }
  // -0 is written as 0.
  return values.map((value) => value + 0);
}

/** A schema without `type` means values of the types that its keywords are about; without any such keyword, all. */
function impliedTypes(facts: Facts): readonly JsonType[] {
  const isAboutNumbers = Number.isFinite(facts.min) || Number.isFinite(facts.max) || facts.divisors.length > 0;
  const isAboutStrings =
    facts.patterns.length > 0 || facts.formats.length > 0 || facts.minLength > 0 || Number.isFinite(facts.maxLength);
  const implied: JsonType[] = [
    ...(facts.objects.length > 0 ? ["object" as const] : []),
    ...(facts.arrays.length > 0 ? ["array" as const] : []),
    ...(isAboutStrings ? ["string" as const] : []),
    ...(isAboutNumbers ? ["number" as const] : []),
  ];
  return implied.length > 0 ? implied : JSON_TYPES;
}

const utf8 = new TextEncoder();
