import type { Context } from "hono";

/** Whose API a client speaks: it decides the shape of an error, also where no route was reached. */
export type Dialect = "openai" | "anthropic" | "ollama";

export const ANTHROPIC_VERSION = "anthropic-version";

/**
 * Where Ollama's clients look, whose only setting is a host. The edge's own routes are under /api too, and have other names, so
 * there is no prefix to remember: the address of either server is that host.
 */
export const OLLAMA_PATHS: readonly string[] = [
  "/api/chat",
  "/api/generate",
  "/api/tags",
  "/api/ps",
  "/api/version",
  "/api/show",
  "/api/embed",
  "/api/embeddings",
  "/api/pull",
];

/** The dialect of a request. /v1/models is in two: Anthropic's clients name their version. */
export function dialectOf(c: Context): Dialect {
  const { path } = c.req;
  if (OLLAMA_PATHS.includes(path)) return "ollama";
  if (/^\/v1\/messages(?:\/|$)/.test(path)) return "anthropic";
  return /^\/v1\/models(?:\/|$)/.test(path) && c.req.header(ANTHROPIC_VERSION) !== undefined ? "anthropic" : "openai";
}
