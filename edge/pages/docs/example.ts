import { type OpenApiDocument, type Operation, resolve, type Schema } from "./openapi.ts";

/** Deeper than this an example no longer helps a reader; it also ends recursive schemas. */
const MAX_DEPTH = 6;

/**
 * A value that fits the schema: its own example, default or first enum value where there is one, otherwise the plainest value
 * of the type. Objects hold only what is required, or everything where nothing is.
 */
export function exampleOf(schema: Schema, document: OpenApiDocument, depth = 0): unknown {
  const target = resolve(schema, document);
  const given = givenExample(target);
  if (given !== undefined) return given;
  if (depth > MAX_DEPTH) return null;
  const option = target.oneOf?.[0] ?? target.anyOf?.[0];
  if (option !== undefined) return exampleOf(option, document, depth + 1);
  if (target.allOf !== undefined) return mergedExample(target.allOf, document, depth);
  const type = Array.isArray(target.type) ? target.type[0] : target.type;
  if (type === "object" || target.properties !== undefined) return objectExample(target, document, depth);
  if (type === "array") return target.items === undefined ? [] : [exampleOf(target.items, document, depth + 1)];
  return plainExample(type, target);
}

function givenExample(schema: Schema): unknown {
  if (schema.example !== undefined) return schema.example;
  if (Array.isArray(schema.examples) && schema.examples.length > 0) return schema.examples[0];
  if (schema.const !== undefined) return schema.const;
  return schema.default ?? schema.enum?.[0];
}

function objectExample(schema: Schema, document: OpenApiDocument, depth: number): Record<string, unknown> {
  const properties = Object.entries(schema.properties ?? {});
  const required = properties.filter(([name]) => schema.required?.includes(name) === true);
  const shown = required.length > 0 ? required : properties;
  return Object.fromEntries(shown.map(([name, property]) => [name, exampleOf(property, document, depth + 1)]));
}

function mergedExample(parts: Schema[], document: OpenApiDocument, depth: number): unknown {
  return Object.assign({}, ...parts.map((part) => exampleOf(part, document, depth + 1)));
}

function plainExample(type: string | undefined, schema: Schema): unknown {
  if (type === "string") return "string";
  if (type === "integer" || type === "number") return schema.minimum ?? 0;
  if (type === "boolean") return false;
  return null;
}

/** The example of a request or response body: the operation's own, otherwise one made from the schema. */
export function bodyExample(
  content: NonNullable<Operation["requestBody"]>["content"] | undefined,
  document: OpenApiDocument,
): unknown {
  const json = content?.["application/json"];
  if (json === undefined) return undefined;
  if (json.example !== undefined) return json.example;
  const named = Object.values(json.examples ?? {})[0];
  if (named !== undefined) return named.value;
  return json.schema === undefined ? undefined : exampleOf(json.schema, document);
}

/** A curl line that calls the operation at `origin`; single quotes in the body are escaped for a POSIX shell. */
export function curlOf(operation: Operation, document: OpenApiDocument, origin: string): string {
  const secured = (operation.security ?? document.security ?? []).length > 0;
  const body = bodyExample(operation.requestBody?.content, document);
  const implied = operation.method === (body === undefined ? "GET" : "POST");
  const lines = [`curl${implied ? "" : ` -X ${operation.method}`} ${origin}${operation.path}`];
  if (secured) lines.push(`  -H "Authorization: Bearer $PORCHLIGHT_API_KEY"`);
  if (body !== undefined) {
    const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
    lines.push(`  -H "Content-Type: application/json"`, `  -d '${json}'`);
  }
  return lines.join(" \\\n");
}
