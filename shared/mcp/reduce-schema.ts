import type { ToolSchema } from "../plugin/schema-type.ts";
import { MOUNT_LIMITS } from "./limits.ts";

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
const TEXTS = ["title", "description"] as const;
const NUMBERS = ["minimum", "maximum"] as const;
const COUNTS = ["minLength", "maxLength", "minItems", "maxItems"] as const;
type Draft = { -readonly [Key in keyof ToolSchema]: ToolSchema[Key] };

/**
 * A stranger's JSON Schema as the host takes it: without references and patterns, which could cost more than a walk over the value. What
 * is left out lets more through; the server itself judges the rest. Throws for what is deeper or larger than MOUNT_LIMITS.
 */
export function reduceSchema(schema: unknown): ToolSchema {
  const reduced = { ...part(schema, 0), type: "object" as const };
  if (JSON.stringify(reduced).length > MOUNT_LIMITS.schemaBytes) throw new TypeError("The schema is too large.");
  return reduced;
}

function part(schema: unknown, depth: number): ToolSchema {
  if (depth > MOUNT_LIMITS.schemaDepth) throw new TypeError("The schema is nested too deep.");
  if (!isRecord(schema)) return {};
  const draft: Draft = {};
  const type = TYPES.find((one) => one === schema["type"]);
  if (type !== undefined) draft.type = type;
  for (const key of TEXTS) if (typeof schema[key] === "string") draft[key] = schema[key];
  for (const key of NUMBERS) if (Number.isFinite(schema[key])) draft[key] = schema[key] as number; // Just asked.
  for (const key of COUNTS) if (isCount(schema[key])) draft[key] = schema[key];
  if (isRecord(schema["properties"])) {
    // `__proto__` as a name would be no own property of what is made here.
    const entries = Object.entries(schema["properties"]).filter(([name]) => name !== "__proto__" && name.length <= 64);
    draft.properties = Object.fromEntries(entries.map(([name, one]) => [name, part(one, depth + 1)]));
  }
  const { required, items, anyOf, additionalProperties } = schema;
  if (Array.isArray(required)) draft.required = required.filter((name) => typeof name === "string");
  if (isRecord(items)) draft.items = part(items, depth + 1);
  if (Array.isArray(anyOf) && anyOf.length > 0 && anyOf.length <= 8)
    draft.anyOf = anyOf.map((one) => part(one, depth + 1));
  if (typeof additionalProperties === "boolean") draft.additionalProperties = additionalProperties;
  const choices = schema["enum"];
  if (Array.isArray(choices) && choices.length > 0 && choices.every(isScalar)) draft.enum = choices;
  return draft;
}

function isScalar(value: unknown): value is string | number | boolean | null {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
