import type { OpenAPIHono, RouteConfig, z } from "@hono/zod-openapi";
import type { Env } from "hono";
import { type ErrorCode, ERRORS } from "../errors.ts";
import { errorBodySchema } from "./errors.ts";

/** Puts a route into the OpenAPI document; its handler is mounted beside, with bodies read by readJsonBody. */
export function registerRoute<E extends Env>(app: OpenAPIHono<E>, route: RouteConfig): void {
  app.openAPIRegistry.registerPath(route);
}

export function jsonContent<Schema extends z.ZodType>(schema: Schema) {
  return { "application/json": { schema } };
}

export function jsonBody<Schema extends z.ZodType>(schema: Schema, required = true) {
  return { required, content: jsonContent(schema) };
}

/** The `responses` of a route that can fail in these ways; codes of one status share its entry. */
export function errorResponses(...codes: ErrorCode[]) {
  return errorResponsesIn(errorBodySchema, codes);
}

/** The same with the error object of another dialect. */
export function errorResponsesIn(schema: z.ZodType, codes: readonly ErrorCode[]) {
  const sentences = new Map<number, string[]>();
  for (const code of codes) {
    const { status, message } = ERRORS[code];
    sentences.set(status, [...(sentences.get(status) ?? []), `\`${code}\`: ${message}`]);
  }
  return Object.fromEntries(
    [...sentences].map(([status, lines]) => [
      status,
      { description: lines.join("\n\n"), content: jsonContent(schema) },
    ]),
  );
}

export interface DocumentInfo {
  version: string;
  description: string;
  servers?: { url: string }[];
}

/** The OpenAPI 3.1 document of everything that `app` and the apps mounted in it registered. */
export function openApiDocument<E extends Env>(app: OpenAPIHono<E>, info: DocumentInfo) {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Porchlight",
      version: info.version,
      description: info.description,
      license: { name: "Apache-2.0" },
    },
    ...(info.servers ? { servers: info.servers } : {}),
    security: [{ [API_KEY_SCHEME]: [] }],
  });
}

const API_KEY_SCHEME = "apiKey";

/** Declares the API key as the way in. */
export function registerSecurity<E extends Env>(app: OpenAPIHono<E>): void {
  app.openAPIRegistry.registerComponent("securitySchemes", API_KEY_SCHEME, {
    type: "http",
    scheme: "bearer",
    description: "An API key: `Authorization: Bearer plk_live_...`.",
  });
}
