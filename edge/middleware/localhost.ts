import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../env.ts";

/**
 * Sends a browser from http://127.0.0.1 to http://localhost, where passkeys work and where its cookies already are: the two are
 * different sites to it. Only for an edge that is local by its configuration or by default.
 */
export const preferLocalhost: MiddlewareHandler<AppEnv> = async (c, next) => {
  const url = new URL(c.req.url);
  const configured = c.env.PUBLIC_ORIGIN;
  const local = configured === "" || new URL(configured).hostname === "localhost";
  if (!local || url.hostname !== "127.0.0.1") return await next();
  url.hostname = "localhost";
  return c.redirect(url.href, 307);
};
