import type { Random } from "../../node-agent/engine/random.ts";

type Schema = Record<string, unknown>;

/** A JSON Schema of the kinds that programs ask for: every keyword that is held to comes up, and some values of each kind. */
export function randomSchema(random: Random): Schema {
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  };
  const maybe = (share: number, fields: () => Schema): Schema => (random() < share ? fields() : {});
  const definitions: Record<string, Schema> = {};

  const string = (): Schema =>
    pick<() => Schema>([
      () => ({ type: "string" }),
      () => ({ type: "string", minLength: below(4), maxLength: 4 + below(20) }),
      () => ({ type: "string", pattern: pick(PATTERNS) }),
      () => ({ type: "string", pattern: "^[a-z]+$", minLength: 2, maxLength: 2 + below(9) }),
      () => ({ type: "string", format: pick(["date", "time", "date-time", "uuid", "email", "ipv4", "hostname"]) }),
      () => ({ enum: ["red", "green", 'a "quoted" one', "naïve\n", ""].slice(0, 1 + below(5)) }),
      () => ({ const: pick(["fixed", "", "</tag>", "日本"]) }),
    ])();
  const number = (): Schema => {
    const min = below(2000) - 1000;
    return pick<() => Schema>([
      () => ({ type: pick(["integer", "number"]) }),
      () => ({ type: pick(["integer", "number"]), minimum: min, maximum: min + below(500) }),
      () => ({ type: "number", exclusiveMinimum: min / 8, exclusiveMaximum: min / 8 + 1 + random() }),
      () => ({ type: pick(["integer", "number"]), minimum: pick([0, 1, -3, 0.5, 1e6]) }),
      () => ({ type: "integer", exclusiveMaximum: pick([0, 5, -7, 12.5, 1e9]) }),
      () => ({ type: "integer", multipleOf: 1 + below(12) }),
      () => ({ type: "integer", multipleOf: 3, minimum: 0, maximum: 100 }),
      () => ({ enum: [1, -2.5, 1e10, 0].slice(0, 1 + below(4)) }),
    ])();
  };
  const array = (depth: number): Schema => {
    const min = below(3);
    return pick<() => Schema>([
      () => ({ type: "array", items: any(depth - 1), minItems: min, maxItems: min + 1 + below(3) }),
      () => ({ type: "array", items: any(depth - 1), maxItems: 4 }),
      () => ({ type: "array", prefixItems: [any(depth - 1), any(depth - 1)], items: false, minItems: min }),
      () => ({ type: "array", prefixItems: [any(0)], items: any(0), maxItems: 4 }),
      () => ({ type: "array", items: { enum: ["a", "b", 3, null] }, uniqueItems: true, minItems: min }),
    ])();
  };
  const properties = (depth: number): Record<string, Schema> =>
    Object.fromEntries(Array.from({ length: below(5) }, () => [pick(NAMES), any(depth - 1)]));
  const object = (depth: number): Schema => {
    const members = properties(depth);
    const names = Object.keys(members);
    return {
      type: "object",
      properties: members,
      ...maybe(0.7, () => ({ required: names.filter(() => random() < 0.6) })),
      ...maybe(0.4, () => ({
        additionalProperties: pick<unknown>([false, true, { type: "integer" }, { type: "null" }]),
      })),
      ...maybe(0.15, () => ({ minProperties: Math.min(names.length, 1 + below(2)) })),
      ...maybe(0.15, () => ({ maxProperties: 4 + below(3) })),
    };
  };
  const combined = (depth: number): Schema =>
    pick<() => Schema>([
      () => ({ anyOf: [any(depth - 1), any(depth - 1), { type: "null" }] }),
      () => ({ oneOf: [{ type: "string", maxLength: 9 }, { type: "integer" }, { type: "array", maxItems: 0 }] }),
      () => ({
        oneOf: ["cat", "dog"].map((kind) => ({
          type: "object",
          properties: { kind: { const: kind }, ...properties(depth) },
          required: ["kind"],
        })),
      }),
      () => ({
        allOf: [
          { type: "object", properties: { id: { type: "integer" } }, required: ["id"] },
          { properties: { id: { minimum: 5 }, name: string() }, required: pick([["name"], []]) },
        ],
      }),
      () => ({ type: ["string", "null"], maxLength: 6 }),
      () => ({ type: "object", patternProperties: { "^x-[a-z]{1,4}$": number() }, additionalProperties: false }),
      () => ({ type: "object", additionalProperties: string(), maxProperties: 3 }),
      () => ({
        type: "object",
        propertyNames: { pattern: "^[a-z]{1,6}$" },
        additionalProperties: number(),
        maxProperties: 2,
      }),
      () => {
        const name = `d${Object.keys(definitions).length}`;
        definitions[name] = { type: "null" };
        definitions[name] = {
          type: "object",
          properties: { value: any(0), next: { anyOf: [{ type: "null" }, { $ref: `#/$defs/${name}` }] } },
          required: ["value", "next"],
          additionalProperties: false,
        };
        return { $ref: `#/$defs/${name}` };
      },
    ])();
  const any = (depth: number): Schema => {
    const simple = [string, string, number, number, (): Schema => ({ type: pick(["boolean", "null"]) })];
    if (depth <= 0) return pick(simple)();
    return pick([...simple, () => array(depth), () => object(depth), () => object(depth), () => combined(depth)])();
  };

  const schema = random() < 0.7 ? object(3) : any(3);
  return Object.keys(definitions).length === 0 ? schema : { ...schema, $defs: definitions };
}

const NAMES = ["name", "age", "a", "ab", "city of birth", "ключ", 'q"uote', "items", "$ref_", "kind", "x"];
const PATTERNS = [
  "^[A-Z][a-z]{2,8}$",
  "^\\d{3}-\\d{4}$",
  "^(red|green|blue)( dark)?$",
  "ab+c",
  "^[^\\s@]{1,6}@[a-z]{2,5}\\.(com|org)$",
  '^["\\\\/]{1,3}$',
  "^\\w{1,5}|-$",
  "^$",
];
