import type { MiddlewareHandler } from "hono";
import { secureHeaders } from "hono/secure-headers";

const setHeaders = secureHeaders({
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  referrerPolicy: "no-referrer",
  xFrameOptions: "DENY",
  crossOriginResourcePolicy: "same-origin",
  // On http it would be ignored, and on localhost it would bind every other server of the developer.
  strictTransportSecurity: false,
  // These speak to browsers long gone, or of windows, which an answer to a program has none of.
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  originAgentCluster: false,
  crossOriginOpenerPolicy: false,
});
const done = (): Promise<void> => Promise.resolve();

/** Headers of everything that is not a page (pages have their own): nothing in it may be run, framed or taken for another type. */
export const securityHeaders: MiddlewareHandler = async (c, next) => {
  await next();
  if (!c.res.headers.get("content-type")?.startsWith("text/html")) await setHeaders(c, done);
};
