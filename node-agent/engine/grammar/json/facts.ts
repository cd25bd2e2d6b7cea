import { z } from "zod";
import { grammarError } from "../grammar.ts";

export type SchemaObject = Readonly<Record<string, unknown>>;
/** Schemas that all hold at once; none of them allows anything. */
export type Conjunction = readonly (boolean | SchemaObject)[];
export const JSON_TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
export type JsonType = (typeof JSON_TYPES)[number];

const schemaValue = z.custom<boolean | SchemaObject>(
  (value) => typeof value === "boolean" || (typeof value === "object" && value !== null && !Array.isArray(value)),
  "expected a schema (an object or a boolean)",
);
const count = z.number().int().nonnegative();
const schemaMap = z.record(z.string(), schemaValue);

/** The keywords that are honoured, of one schema object. */
const keywordsSchema = z.object({
  type: z.union([z.enum(JSON_TYPES), z.array(z.enum(JSON_TYPES))]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  minLength: count.optional(),
  maxLength: count.optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  properties: schemaMap.optional(),
  patternProperties: schemaMap.optional(),
  additionalProperties: schemaValue.optional(),
  unevaluatedProperties: z.boolean().optional(),
  propertyNames: schemaValue.optional(),
  required: z.array(z.string()).optional(),
  minProperties: count.optional(),
  maxProperties: count.optional(),
  items: z.union([schemaValue, z.array(schemaValue)]).optional(),
  prefixItems: z.array(schemaValue).optional(),
  additionalItems: schemaValue.optional(),
  minItems: count.optional(),
  maxItems: count.optional(),
  uniqueItems: z.boolean().optional(),
  $ref: z.string().optional(),
  allOf: z.array(schemaValue).optional(),
  anyOf: z.array(schemaValue).optional(),
  oneOf: z.array(schemaValue).optional(),
});
export type Keywords = z.infer<typeof keywordsSchema>;

/** Keywords that constrain and that a grammar cannot hold a text to. */
const UNSUPPORTED = [
  "not",
  "if",
  "then",
  "else",
  "contains",
  "minContains",
  "maxContains",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "unevaluatedItems",
  "$dynamicRef",
  "$recursiveRef",
  "extends",
  "disallow",
  "divisibleBy",
] as const;

const read = new WeakMap<SchemaObject, Keywords>();

/**
 * The keywords of a schema object. Others are annotations, which JSON Schema lets one ignore; those that would constrain and are
 * not honoured throw `invalid_request` by name, and so does a value of a wrong kind.
 */
export function keywordsOf(schema: SchemaObject): Keywords {
  let keywords = read.get(schema);
  if (keywords === undefined) {
    const refused = UNSUPPORTED.find((name) => Object.hasOwn(schema, name));
    if (refused !== undefined)
      throw grammarError(`The JSON Schema keyword '${refused}' is not supported. Leave it out.`);
    const parsed = keywordsSchema.safeParse(schema);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const path = issue?.path.map(String).join(".").slice(0, 100) ?? "";
      throw grammarError(`The JSON Schema is not valid at '${path}': ${issue?.message ?? "unexpected value"}.`);
    }
    keywords = parsed.data;
    if (Object.hasOwn(schema, "const")) keywords = { ...keywords, enum: [schema.const] };
    if (Object.hasOwn(schema, "const") && parsed.data.enum !== undefined) {
      keywords.enum = parsed.data.enum.some((value) => isSame(value, schema.const)) ? [schema.const] : [];
    }
    read.set(schema, keywords);
  }
  return keywords;
}

/** What several schema objects without references and combinations say of a value together. */
export interface Facts {
  /** null: any. */
  types: ReadonlySet<JsonType> | null;
  /** null: any. */
  values: readonly unknown[] | null;
  min: number;
  isMinExclusive: boolean;
  max: number;
  isMaxExclusive: boolean;
  divisors: readonly number[];
  minLength: number;
  maxLength: number;
  patterns: readonly string[];
  formats: readonly string[];
  /** Those schema objects that speak of objects, and of arrays. */
  objects: readonly Keywords[];
  arrays: readonly Keywords[];
}

const OBJECT_KEYWORDS = [
  "properties",
  "patternProperties",
  "additionalProperties",
  "unevaluatedProperties",
  "propertyNames",
  "required",
  "minProperties",
  "maxProperties",
] as const;
const ARRAY_KEYWORDS = ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"] as const;

export function factsOf(schemas: readonly SchemaObject[]): Facts {
  const facts: Facts = {
    types: null,
    values: null,
    min: Number.NEGATIVE_INFINITY,
    isMinExclusive: false,
    max: Number.POSITIVE_INFINITY,
    isMaxExclusive: false,
    divisors: [],
    minLength: 0,
    maxLength: Number.POSITIVE_INFINITY,
    patterns: [],
    formats: [],
    objects: [],
    arrays: [],
  };
  for (const schema of schemas) add(facts, keywordsOf(schema));
  return facts;
}

function add(facts: Facts, keywords: Keywords): void {
  const { type, enum: values, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = keywords;
  if (type !== undefined) facts.types = intersectTypes(facts.types, typeof type === "string" ? [type] : type);
  if (values !== undefined) {
    facts.values = facts.values?.filter((value) => values.some((other) => isSame(value, other))) ?? values;
  }
  if (minimum !== undefined && minimum > facts.min) Object.assign(facts, { min: minimum, isMinExclusive: false });
  if (maximum !== undefined && maximum < facts.max) Object.assign(facts, { max: maximum, isMaxExclusive: false });
  if (exclusiveMinimum !== undefined && exclusiveMinimum >= facts.min) {
    Object.assign(facts, { min: exclusiveMinimum, isMinExclusive: true });
  }
  if (exclusiveMaximum !== undefined && exclusiveMaximum <= facts.max) {
    Object.assign(facts, { max: exclusiveMaximum, isMaxExclusive: true });
  }
  if (keywords.multipleOf !== undefined) facts.divisors = [...new Set([...facts.divisors, keywords.multipleOf])];
  facts.minLength = Math.max(facts.minLength, keywords.minLength ?? 0);
  facts.maxLength = Math.min(facts.maxLength, keywords.maxLength ?? Number.POSITIVE_INFINITY);
  if (keywords.pattern !== undefined) facts.patterns = [...new Set([...facts.patterns, keywords.pattern])];
  if (keywords.format !== undefined) facts.formats = [...new Set([...facts.formats, keywords.format])];
  if (OBJECT_KEYWORDS.some((name) => keywords[name] !== undefined)) facts.objects = [...facts.objects, keywords];
  if (ARRAY_KEYWORDS.some((name) => keywords[name] !== undefined)) facts.arrays = [...facts.arrays, keywords];
}

function intersectTypes(types: Facts["types"], others: readonly JsonType[]): ReadonlySet<JsonType> {
  if (types === null) return new Set(others);
  const both = new Set<JsonType>();
  for (const type of JSON_TYPES) {
    const isIn = (set: Iterable<JsonType>): boolean => new Set(set).has(type);
    // Every integer is a number.
    const isInWide = (set: Iterable<JsonType>): boolean =>
      isIn(set) || (type === "integer" && new Set(set).has("number"));
    if (isInWide(types) && isInWide(others)) both.add(type);
  }
  return both;
}

/** Equality of JSON values. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [first, second] = [Object.entries(a), new Map(Object.entries(b))];
  return (
    first.length === second.size && first.every(([name, value]) => second.has(name) && isSame(value, second.get(name)))
  );
}

export function typeOf(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  const type = typeof value;
  return type === "string" || type === "boolean" ? type : "object";
}

/** Whether a value is of one of the types; null stands for all. */
export function hasType(value: unknown, types: Facts["types"]): boolean {
  const type = typeOf(value);
  return types === null || types.has(type) || (type === "integer" && types.has("number"));
}
