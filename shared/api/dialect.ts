import type { Context } from "hono";

/** Whose API a client speaks: it decides the shape of an error, also where no route was reached. */
export type Dialect = "openai" | "anthropic";

export const ANTHROPIC_VERSION = "anthropic-version";

/** The dialect of a request. /v1/models is in two: Anthropic's clients name their version. */
export function dialectOf(c: Context): Dialect {
  const { path } = c.req;
  if (/^\/v1\/messages(?:\/|$)/.test(path)) return "anthropic";
  return /^\/v1\/models(?:\/|$)/.test(path) && c.req.header(ANTHROPIC_VERSION) !== undefined ? "anthropic" : "openai";
}
