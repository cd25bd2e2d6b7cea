import {
  characters,
  choice,
  complement,
  EMPTY,
  type Expression,
  grammarError,
  intersection,
  NOTHING,
  optional,
  repeat,
  sequence,
  text,
} from "../grammar.ts";
import { regexExpression } from "../regex.ts";
import type { Conjunction, Facts, Keywords } from "./facts.ts";
import type { SchemaConverter } from "./schema.ts";
import { ANY_OBJECT, bracketed, LITERAL, STRING, WS } from "./text.ts";

const COMMA = sequence(text(","), WS);
const COLON = sequence(text(":"), WS);
const infinite = Number.POSITIVE_INFINITY;
/** Properties of one object, and characters of a name: they are gone through one by one. */
const MAX_PROPERTIES = 2_000;
const MAX_NAME = 256;

/**
 * The objects that a schema allows: its properties in the order in which it names them, then others where it speaks of others. A
 * schema that names properties and says nothing of others gets none.
 */
export function objectExpression(facts: Facts, converter: SchemaConverter): Expression {
  const parts = facts.objects;
  const required = new Set(parts.flatMap((part) => part.required ?? []));
  const names = [...new Set([...parts.flatMap((part) => Object.keys(part.properties ?? {})), ...required])];
  const min = Math.max(0, ...parts.map((part) => part.minProperties ?? 0));
  const max = Math.min(...parts.map((part) => part.maxProperties ?? infinite));
  if (parts.length === 0) return ANY_OBJECT;
  if (names.length > MAX_PROPERTIES || names.some((name) => name.length > MAX_NAME)) {
    throw grammarError(
      `The JSON Schema has more than ${MAX_PROPERTIES} properties in one object, or a name that is too long.`,
    );
  }
  checkNames(parts, names);
  const extra = extraMember(parts, names, converter);
  if (min > Math.max(required.size, 0) + 1 && min > names.length) {
    throw grammarError(
      "The JSON Schema's 'minProperties' asks for more properties than it names, which is not supported.",
    );
  }
  const members = names.map((name) => ({
    member: sequence(converter.json.literal(name), COLON, converter.convert(schemasOf(parts, name, converter))),
    isRequired: required.has(name),
  }));
  // Counting costs a rule for each number of properties: only where a bound could be missed.
  const counts = min > required.size || max < names.length || (extra !== null && max < infinite);
  const cap = counts ? Math.min(max === infinite ? min : max, names.length + 1) : 0;
  let rests = Array.from({ length: cap + 2 }, (_, taken) => extras(extra, taken, { min, max, counts }));
  /** Index: properties before, at most cap + 1; 0 without counting means "the first", 1 "a later one". */
  const last = counts ? cap : 1;
  for (const { member, isRequired } of members.toReversed()) {
    const later = rests;
    rests = Array.from({ length: last + 1 }, (_, taken) => {
      const next = later[Math.min(taken + 1, last)] ?? NOTHING;
      const isFull = counts && max !== infinite && taken >= max;
      const taking = isFull ? NOTHING : sequence(...(taken === 0 ? [] : [COMMA]), member, next);
      return converter.fresh(isRequired ? taking : choice([taking, later[taken] ?? NOTHING]));
    });
  }
  return bracketed("{", rests[0] ?? NOTHING, "}");
}

/** What may follow the named properties when `taken` of them are there. */
function extras(
  extra: Expression | null,
  taken: number,
  { min, max, counts }: { min: number; max: number; counts: boolean },
): Expression {
  const missing = counts ? Math.max(0, min - taken) : 0;
  const room = counts ? max - taken : infinite;
  if (extra === null || room <= 0) return missing > 0 || room < 0 ? NOTHING : EMPTY;
  // Two more could have one name, and would then be one property.
  if (missing > 1) return NOTHING;
  if (taken > 0) return repeat(sequence(COMMA, extra), missing, room);
  const some = sequence(extra, repeat(sequence(COMMA, extra), 0, room - 1));
  return missing > 0 ? some : optional(some);
}

/** One property that the schema does not name; null where there are none. */
function extraMember(parts: Facts["objects"], names: readonly string[], converter: SchemaConverter): Expression | null {
  const patterns = parts.flatMap((part) => Object.keys(part.patternProperties ?? {}));
  const isClosed = parts.some((part) => part.additionalProperties === false || part.unevaluatedProperties === false);
  const isOpen = parts.some((part) => part.additionalProperties !== undefined);
  const nameSchemas = parts.flatMap((part) => (part.propertyNames === undefined ? [] : [part.propertyNames]));
  const [pattern] = patterns;
  if (pattern !== undefined) {
    // Names that match no pattern are left out; so are all where it takes more than one pattern to tell.
    if (patterns.length > 1 || names.length > 0 || nameSchemas.length > 0) return null;
    const schemas = schemasOf(parts, null, converter);
    const name = regexExpression(pattern, { match: "part", encode: converter.json.encode });
    return sequence(text('"'), name, text('"'), COLON, converter.convert(schemas));
  }
  const isClosedBySilence = names.length > 0 && !isOpen;
  if (isClosedBySilence || (isClosed && parts.some((part) => part.additionalProperties === false))) return null;
  if (isClosed && !isOpen) return null;
  const value = converter.convert(
    parts.flatMap((part): Conjunction => (part.additionalProperties === undefined ? [] : [part.additionalProperties])),
  );
  if (nameSchemas.length > 0) {
    if (names.length > 0) return null;
    return sequence(converter.convert([{ type: "string" }, ...nameSchemas]), COLON, value);
  }
  return sequence(names.length === 0 ? STRING : nameExcept(names, converter.isInCall), COLON, value);
}

/** The schemas for a property; `null` stands for one that matches the only pattern. */
function schemasOf(parts: Facts["objects"], name: string | null, converter: SchemaConverter): Conjunction {
  return parts.flatMap((part): Conjunction => {
    const { properties = {}, patternProperties = {}, additionalProperties } = part;
    const matching = Object.entries(patternProperties).filter(([p]) => name === null || converter.matches(p, name));
    const own = name !== null && Object.hasOwn(properties, name) ? [properties[name] ?? true] : [];
    const found = [...own, ...matching.map(([, schema]) => schema)];
    return found.length > 0 || additionalProperties === undefined ? found : [additionalProperties];
  });
}

function checkNames(parts: readonly Keywords[], names: readonly string[]): void {
  if (names.length === 0) return;
  const isTrivial = (part: Keywords): boolean => part.propertyNames === undefined || part.propertyNames === true;
  if (!parts.every(isTrivial)) {
    throw grammarError(
      "The JSON Schema keyword 'propertyNames' is not supported beside named properties. Leave it out.",
    );
  }
}

interface NameTree {
  isEnd: boolean;
  children: Map<string, NameTree>;
}

/** A JSON string of characters that need no escape, and that is none of the names. */
function nameExcept(names: readonly string[], isInCall: boolean): Expression {
  const set = isInCall ? intersection(LITERAL, complement([[0x3c, 0x3c]])) : LITERAL;
  const root: NameTree = { isEnd: false, children: new Map() };
  for (const name of names) {
    let node = root;
    for (const character of name) {
      const child = node.children.get(character) ?? { isEnd: false, children: new Map<string, NameTree>() };
      node.children.set(character, child);
      node = child;
    }
    node.isEnd = true;
  }
  const anything = repeat(characters(set), 0, infinite);
  const except = (node: NameTree): Expression => {
    const points = [...node.children.keys()].map((character) => character.codePointAt(0) ?? 0);
    const others = intersection(set, complement(points.map((point) => [point, point] as const)));
    const branches = [...node.children].map(([character, child]) => {
      const point = character.codePointAt(0) ?? 0;
      const isAllowed = set.some(([first, last]) => first <= point && point <= last);
      return isAllowed ? sequence(text(character), except(child)) : NOTHING;
    });
    return choice([...(node.isEnd ? [] : [EMPTY]), sequence(characters(others), anything), ...branches]);
  };
  return sequence(text('"'), except(root), text('"'));
}
