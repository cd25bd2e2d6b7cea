import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../env.ts";

/** Tells whoever is not known, or lacks the scope, how to ask: RFC 6750. */
export const mcpChallenge: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  if (c.res.status === 401) c.header("www-authenticate", 'Bearer scope="plugins"');
};
