import { z } from "zod";

/** JSON Schema as OpenAPI 3.0 and 3.1 write it, the part that the reference shows. */
export type Schema = {
  $ref?: string | undefined;
  type?: string | string[] | undefined;
  format?: string | undefined;
  description?: string | undefined;
  enum?: unknown[] | undefined;
  const?: unknown;
  default?: unknown;
  example?: unknown;
  examples?: unknown;
  nullable?: boolean | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  minLength?: number | undefined;
  maxLength?: number | undefined;
  minItems?: number | undefined;
  maxItems?: number | undefined;
  items?: Schema | undefined;
  properties?: Record<string, Schema> | undefined;
  required?: string[] | undefined;
  additionalProperties?: boolean | Schema | undefined;
  anyOf?: Schema[] | undefined;
  oneOf?: Schema[] | undefined;
  allOf?: Schema[] | undefined;
};

const schemaSchema: z.ZodType<Schema> = z.lazy(() =>
  z.object({
    $ref: z.string().optional(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    format: z.string().optional(),
    description: z.string().optional(),
    enum: z.array(z.unknown()).optional(),
    const: z.unknown().optional(),
    default: z.unknown().optional(),
    example: z.unknown().optional(),
    examples: z.unknown().optional(),
    nullable: z.boolean().optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    minLength: z.number().optional(),
    maxLength: z.number().optional(),
    minItems: z.number().optional(),
    maxItems: z.number().optional(),
    items: schemaSchema.optional(),
    properties: z.record(z.string(), schemaSchema).optional(),
    required: z.array(z.string()).optional(),
    additionalProperties: z.union([z.boolean(), schemaSchema]).optional(),
    anyOf: z.array(schemaSchema).optional(),
    oneOf: z.array(schemaSchema).optional(),
    allOf: z.array(schemaSchema).optional(),
  }),
);

const contentSchema = z.record(
  z.string(),
  z.object({
    schema: schemaSchema.optional(),
    example: z.unknown().optional(),
    examples: z.record(z.string(), z.object({ value: z.unknown() })).optional(),
  }),
);

const parameterSchema = z.object({
  name: z.string(),
  in: z.string(),
  required: z.boolean().optional(),
  description: z.string().optional(),
  schema: schemaSchema.optional(),
});
export type Parameter = z.infer<typeof parameterSchema>;

const operationSchema = z.object({
  operationId: z.string().optional(),
  summary: z.string().optional(),
  description: z.string().optional(),
  deprecated: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  parameters: z.array(parameterSchema).optional(),
  requestBody: z.object({ description: z.string().optional(), content: contentSchema }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content: contentSchema.optional() })),
});

/** The part of an OpenAPI document that the reference page shows; anything else in it is left out. */
export const documentSchema = z.object({
  openapi: z.string(),
  info: z.object({ title: z.string(), version: z.string(), description: z.string().optional() }),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  paths: z.record(z.string(), z.partialRecord(z.enum(["get", "post", "put", "patch", "delete"]), operationSchema)),
  components: z
    .object({
      schemas: z.record(z.string(), schemaSchema).optional(),
      securitySchemes: z
        .record(z.string(), z.object({ type: z.string(), description: z.string().optional() }))
        .optional(),
    })
    .optional(),
});
export type OpenApiDocument = z.infer<typeof documentSchema>;

/** One route of the document, with the anchor it is linked by. */
export type Operation = z.infer<typeof operationSchema> & { method: string; path: string; anchor: string };

/** The routes in the document's order; methods in upper case. */
export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      anchor: `${method}${anchorText(path)}`,
    })),
  );
}

/** Routes that belong together, by their first tag, in the order in which the tags first appear. */
export function routeGroups(document: OpenApiDocument): { tag: string; anchor: string; operations: Operation[] }[] {
  const groups = Map.groupBy(operationsOf(document), ({ tags }) => tags?.[0] ?? "");
  return [...groups].map(([tag, operations]) => ({ tag, anchor: `tag-${anchorText(tag)}`, operations }));
}

function anchorText(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9]+/g, "-").replace(/-$/, "");
}

const REF = "#/components/schemas/";

/** The name a `$ref` points to, if it points into the document's schemas. */
export function refName(schema: Schema): string | undefined {
  return schema.$ref?.startsWith(REF) === true ? schema.$ref.slice(REF.length) : undefined;
}

/** The schema itself, or the one its `$ref` names; an unknown name is an empty schema. */
export function resolve(schema: Schema, document: OpenApiDocument): Schema {
  const name = refName(schema);
  return name === undefined ? schema : (document.components?.schemas?.[name] ?? {});
}
