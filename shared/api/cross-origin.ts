import type { MiddlewareHandler } from "hono";
import { OLLAMA_PATHS } from "./dialect.ts";
import { apiKeyOf } from "./headers.ts";

/** Where programs in a browser may ask from pages of other origins. */
export const CROSS_ORIGIN_PATHS: readonly string[] = ["/v1/*", ...OLLAMA_PATHS];

const PREFLIGHT_KEPT_S = "86400";
/** What a client may read beside what every page may. */
const EXPOSED = "location, request-id, retry-after, retry-after-ms, x-request-id, x-should-retry";

/**
 * Lets pages of any origin ask, by API key alone. There is no list of origins, as none would protect anything: a key is no cookie, no
 * browser adds it by itself, and a page that has one could ask from a server just as well. Cookies are what a list would be for, and
 * no answer allows them: it is `*`, without credentials, and only where a key came. Whether a cookie may do anything is decided by the
 * page's own origin elsewhere, and stays as it is.
 */
export const crossOrigin: MiddlewareHandler = async (c, next) => {
  const { method } = c.req;
  const wants = c.req.header("access-control-request-method");
  if (method === "OPTIONS" && wants !== undefined && c.req.header("origin") !== undefined) {
    return c.body(null, 204, {
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, POST, DELETE",
      // Each SDK has headers of its own; `*` would not stand for `authorization`.
      "access-control-allow-headers": c.req.header("access-control-request-headers") ?? "authorization, content-type",
      "access-control-max-age": PREFLIGHT_KEPT_S,
      vary: "access-control-request-headers",
    });
  }
  await next();
  if (apiKeyOf(c) === undefined) return undefined;
  c.header("access-control-allow-origin", "*");
  c.header("access-control-expose-headers", EXPOSED);
  return undefined;
};
