import { z } from "zod";
import { PorchlightError } from "../errors.ts";
import { MOST_SCHEMA_BYTES, MOST_TOOLS } from "./limits.ts";
import { isPart, parseParts, type PluginPart } from "./parts.ts";
import type { ToolSchema } from "./schema-type.ts";

/** No `$ref` and no `pattern`: the host checks by these schemas, and neither may cost it more than a walk over the value. */
const toolSchemaSchema: z.ZodType<ToolSchema> = z.lazy(() =>
  z.strictObject({
    type: z.enum(["object", "array", "string", "number", "integer", "boolean", "null"]).exactOptional(),
    title: z.string().exactOptional(),
    description: z.string().exactOptional(),
    properties: z.record(z.string().min(1).max(64), toolSchemaSchema).exactOptional(),
    required: z.array(z.string()).exactOptional(),
    additionalProperties: z.union([z.boolean(), toolSchemaSchema]).exactOptional(),
    items: toolSchemaSchema.exactOptional(),
    enum: z
      .array(z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .min(1)
      .exactOptional(),
    anyOf: z.array(toolSchemaSchema).min(1).max(8).exactOptional(),
    default: z.json().exactOptional(),
    minimum: z.number().exactOptional(),
    maximum: z.number().exactOptional(),
    minLength: z.int().min(0).exactOptional(),
    maxLength: z.int().min(0).exactOptional(),
    minItems: z.int().min(0).exactOptional(),
    maxItems: z.int().min(0).exactOptional(),
  }),
);

const toolSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  description: z.string().min(1).max(2_000),
  input: toolSchemaSchema,
  output: toolSchemaSchema.exactOptional(),
  effect: z.enum(["read", "write"]).default("read"),
});

/** A tool as the host knows it. */
export type ToolDescription = z.infer<typeof toolSchema>;

/** What a plugin has: tools for models, and what the host calls. At least one of them. */
export interface PluginOffers {
  tools: ToolDescription[];
  parts: PluginPart[];
}

/**
 * What a plugin says of itself, which is the word of untrusted code. A text, so that its size is known before it is read.
 * Throws PorchlightError `plugin_invalid`.
 */
export function parseOffers(text: string): PluginOffers {
  if (text.length > MOST_TOOLS * MOST_SCHEMA_BYTES)
    throw new PorchlightError("plugin_invalid", "The tools' schemas are too large.");
  const entries = z.array(z.unknown()).min(1, "there is none").safeParse(JSON.parse(text));
  const listed = entries.data ?? [];
  const parts = parseParts(listed.filter(isPart));
  const parsed = z
    .array(toolSchema)
    .max(MOST_TOOLS)
    .safeParse(listed.filter((entry) => !isPart(entry)));
  if (entries.success && parsed.success && parsed.data.every((one) => one.input.type === "object"))
    return { tools: parsed.data, parts };
  const issue = (entries.error ?? parsed.error)?.issues[0];
  throw new PorchlightError(
    "plugin_invalid",
    `The plugin's tools, ${issue?.path.join(".") || "their input"}: ${issue?.message ?? "its schema is of type 'object'"}`,
  );
}

/** Its tools alone. Throws as `parseOffers` does. */
export function parseToolList(text: string): ToolDescription[] {
  return parseOffers(text).tools;
}

/** What `parseOffers` reads. */
export function writeOffers({ tools, parts }: PluginOffers): string {
  return JSON.stringify([...tools, ...parts]);
}

/** Why a value is not what a tool's schema says, or undefined when it is. */
export function mismatch(schema: ToolSchema, value: unknown): string | undefined {
  // The same JSON Schema, typed by its own words there.
  const checked = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value);
  if (checked.success) return undefined;
  const [issue] = checked.error.issues;
  return `${issue?.path.join(".") || "the input"}: ${issue?.message ?? "not valid"}`;
}
